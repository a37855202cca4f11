"""Where a stack keeps its things, and that two stacks never share them."""

import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.stack.errors import StackError

POSTGRES_PORT = 5432  # names the socket file; nothing listens on TCP
VALKEY_SOCKET = "valkey.sock"
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"
# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103


def name_socket_folder(data_dir: Path, *, uid: int, temp_dir: str) -> Path:
    """The folder of a stack's sockets: below ``temp_dir``, or ``/tmp`` where that is too long.

    The name is short whatever the data folder's length, and another user's is always another one.
    """
    digest = hashlib.sha256(f"{uid}:{data_dir}".encode(errors="backslashreplace")).hexdigest()
    folder = Path(temp_dir) / f"clockhook-{digest[:12]}"
    if len(os.fsencode(folder / POSTGRES_SOCKET)) > _LONGEST_SOCKET_PATH:
        return Path("/tmp") / folder.name  # noqa: S108 - made 0700 and checked for its owner below
    return folder


def make_socket_folder(folder: Path, *, owner: int) -> None:
    """Make the folder with mode 0700 for ``owner``, or take the one left by an earlier run.

    Anybody may write to the temporary folder, so what is found there is looked at first.

    Raises: StackError when it is somebody else's, or no plain folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise StackError(
                f"{folder} should hold this stack's sockets but belongs to somebody else: "
                "remove it, or set TMPDIR to another folder."
            ) from None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, 0o700)
        if os.fstat(descriptor).st_uid != owner:
            os.fchown(descriptor, owner, -1)
    finally:
        os.close(descriptor)


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Be the only supervisor of ``folder`` for the length of the block, or of this process.

    Raises: StackError when another process holds it.
    """
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StackError(
                f"Process {holder} already runs a stack in {folder}: "
                "stop it, or give this one a CLOCKHOOK_DATA of its own."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def name_stack(data_dir: Path) -> str:
    """The mark by which every process of this stack is found again, and no other stack's."""
    found = data_dir.stat()
    return f"{found.st_dev}-{found.st_ino}"
