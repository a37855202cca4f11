"""Stacks in temporary folders."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.stack.paths import name_socket_folder
from tests.config.stacks import Stack


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Make stacks that are gone after the test, with everything they left outside their folder."""
    with ExitStack() as ends:

        def make(data_dir: Path | None = None, *, is_whole: bool = True, **env: str) -> Stack:
            stack = Stack(data_dir or tmp_path / "data", is_whole=is_whole, **env)
            ends.callback(_remove_traces, stack)
            ends.callback(stack.destroy)
            return stack

        yield make


def _remove_traces(stack: Stack) -> None:
    note = stack.data_dir / "postgres.path"
    if note.exists():
        shutil.rmtree(note.read_text().strip(), ignore_errors=True)
    sockets = name_socket_folder(stack.data_dir, uid=os.geteuid(), temp_dir=tempfile.gettempdir())
    shutil.rmtree(sockets, ignore_errors=True)
