"""``python -m config.stack run | exec [--durable] -- COMMAND…``"""

import argparse
import sys
from collections.abc import Callable

from config.stack.commands import run_command, run_stack
from config.stack.errors import StackError


def main() -> int:
    """Read the command line and run; what went wrong is said in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m config.stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="run Clockhook with whatever services are not given")
    execute = verbs.add_parser("exec", help="run a command with services of its own")
    execute.add_argument("--durable", action="store_true", help="with fsync, as `run` has it")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    arguments = parser.parse_args()
    if arguments.verb == "run":
        return _run(run_stack)
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        execute.error("a command is missing")
    return _run(lambda: run_command(command, is_durable=arguments.durable))


def _run(verb: Callable[[], int]) -> int:
    try:
        return verb()
    except StackError as error:
        print(f"clockhook: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
