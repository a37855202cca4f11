"""A line to the vendors' SDKs, which ``make oracles`` installs into ``.venv/oracles``."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv/oracles/bin/python"


@dataclass(frozen=True)
class Oracles:
    """The vendors, asked one after the other."""

    process: "subprocess.Popen[str]"

    def sign(self, vendor: str, **case: Any) -> dict[str, str]:
        """The headers that the vendor sends along."""
        headers: dict[str, str] = self._ask(vendor=vendor, verb="sign", **case)["headers"]
        return headers

    def accept(self, vendor: str, **case: Any) -> bool:
        """Does the vendor's SDK take it?"""
        return bool(self._ask(vendor=vendor, verb="verify", **case)["valid"])

    def _ask(self, **question: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answered: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answered


@pytest.fixture(scope="session")
def oracles() -> Iterator[Oracles]:
    if not PYTHON.exists():
        pytest.skip("the vendors' SDKs are not installed: make oracles")
    program = Path(__file__).with_name("vendors.py")
    with subprocess.Popen(
        [str(PYTHON), "-I", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield Oracles(process)
        assert process.stdin is not None
        process.stdin.close()
