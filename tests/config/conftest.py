"""Stacks in temporary folders."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.stack.paths import name_socket_folder
from tests.config.stacks import Stack


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Make stacks that are gone after the test, with everything they left outside their folder."""
    stacks: list[Stack] = []

    def make(data_dir: Path | None = None, *, is_whole: bool = True, **env: str) -> Stack:
        stack = Stack(data_dir or tmp_path / "data", is_whole=is_whole, **env)
        stacks.append(stack)
        return stack

    yield make
    for stack in stacks:
        stack.destroy()
        note = stack.data_dir / "postgres.path"
        if note.exists():
            shutil.rmtree(note.read_text().strip())
        folder = name_socket_folder(
            stack.data_dir, uid=os.geteuid(), temp_dir=tempfile.gettempdir()
        )
        shutil.rmtree(folder, ignore_errors=True)
