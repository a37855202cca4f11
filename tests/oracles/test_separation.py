"""The vendors' SDKs judge the product and are no part of it."""

import re

import pytest

from tests.oracles.conftest import ROOT

WANTED = [
    line.strip().lower().replace("_", "-")
    for line in (ROOT / "requirements-oracles.in").read_text().splitlines()
    if line and not line.startswith("#")
]


def list_locked(name: str) -> dict[str, bool]:
    """The packages of a lock file, and whether each has its hashes."""
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)
    return {
        re.split(r"[=\[ ]", block)[0].replace("_", "-"): "--hash=sha256:" in block
        for block in blocks
        if "==" in block.partition("\n")[0]
    }


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_products_environments_have_none_of_them(name: str) -> None:
    locked = list_locked(name)
    assert "django" in locked
    assert set(WANTED) & set(locked) == set()


def test_their_own_lock_file_has_all_of_them_with_hashes_and_names_no_index() -> None:
    locked = list_locked("requirements-oracles.txt")
    assert set(WANTED) <= set(locked)
    assert all(locked.values())
    assert "index-url" not in (ROOT / "requirements-oracles.txt").read_text()
    assert "django" not in locked
