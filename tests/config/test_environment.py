"""Secrets are made once, notes are read whole, the environment wins."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import environment

_PRINT_SECRET = (
    "from config import environment;"
    "print(environment.read_or_make_secret('CLOCKHOOK_ENCRYPTION_KEYS'))"
)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("CLOCKHOOK_DATA", str(folder))
    for variable in environment.SECRETS:
        monkeypatch.delenv(variable, raising=False)
    return folder


def test_the_data_folder_is_in_the_checkout_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOCKHOOK_DATA", raising=False)
    assert environment.read_data_dir() == environment.CHECKOUT / ".clockhook"

    monkeypatch.setenv("CLOCKHOOK_DATA", "elsewhere")
    assert environment.read_data_dir() == Path.cwd() / "elsewhere"


def test_a_secret_is_made_once_and_for_its_owner_alone(data_dir: Path) -> None:
    first = environment.read_or_make_secret("CLOCKHOOK_SECRET_KEY")

    assert environment.read_or_make_secret("CLOCKHOOK_SECRET_KEY") == first
    assert len(first) >= 50
    kept = data_dir / "secrets" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_an_encryption_key_is_one_that_fernet_takes(data_dir: Path) -> None:
    key = environment.read_or_make_secret("CLOCKHOOK_ENCRYPTION_KEYS")

    assert Fernet(key).decrypt(Fernet(key).encrypt(b"secret")) == b"secret"


def test_a_given_secret_wins_and_is_not_kept(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCKHOOK_SECRET_KEY", "given")

    assert environment.read_or_make_secret("CLOCKHOOK_SECRET_KEY") == "given"
    assert not data_dir.exists()


def test_processes_that_race_for_a_secret_all_get_the_same_one(data_dir: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _PRINT_SECRET],
            cwd=environment.CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    answers = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    assert len(answers) == 1
    assert answers == {environment.read_or_make_secret("CLOCKHOOK_ENCRYPTION_KEYS")}


def test_notes_of_a_stack_are_read_back(data_dir: Path) -> None:
    data_dir.mkdir()
    assert environment.read_stack_file() == {}

    environment.write_stack_file(data_dir, {"port": 8123, "base_url": "http://127.0.0.1:8123"})

    assert environment.read_stack_file() == {"port": 8123, "base_url": "http://127.0.0.1:8123"}
    assert stat.S_IMODE((data_dir / "stack.json").stat().st_mode) == 0o600
    environment.remove_stack_file(data_dir)
    environment.remove_stack_file(data_dir)
    assert environment.read_stack_file() == {}


@pytest.mark.parametrize("content", ["", "{", "[1]", json.dumps("text")])
def test_notes_that_are_none_count_as_absent(data_dir: Path, content: str) -> None:
    data_dir.mkdir()
    (data_dir / "stack.json").write_text(content)

    assert environment.read_stack_file() == {}


@pytest.mark.parametrize(
    ("text", "flag"), [("1", True), (" Yes ", True), ("on", True), ("0", False), ("", False)]
)
def test_flags_are_read_in_any_spelling(
    text: str, flag: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCKHOOK_FLAG", text)

    assert environment.read_flag("CLOCKHOOK_FLAG") is flag


def test_a_private_folder_keeps_the_rights_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o750)

    environment.make_private_folder(folder)
    environment.make_private_folder(folder / "inner")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "inner").stat().st_mode) == 0o700
    assert os.listdir(folder) == ["inner"]
