"""``python -m benchmarks [NAME …]``: measure, print; without names all, into RESULTS.md."""

import argparse
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from benchmarks import run  # noqa: E402 - Django has to be set up first


def main() -> None:
    """Read the command line and run the benchmarks named there, else all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *run.NAMES], default=[])
    parser.add_argument("--stock-seconds", type=float, default=60.0, help="how long stock Beat has")
    parser.add_argument("--ingest-seconds", type=int, default=10)
    parser.add_argument("--times", type=int, default=3, help="how often Beats are measured")
    parser.add_argument("--many", action="store_true", help="also 100,000 due of 1,000,000")
    parser.add_argument("--rows", type=int, default=1_200_000, help="events of the history")
    arguments = parser.parse_args()
    run.run_benchmarks(
        arguments.names or run.NAMES,
        stock_seconds=arguments.stock_seconds,
        ingest_seconds=arguments.ingest_seconds,
        times=arguments.times,
        is_many=arguments.many,
        history_rows=arguments.rows,
    )


if __name__ == "__main__":
    main()
