"""Root and Postgres, which refuses to be root: a user namespace, else ``nobody`` elsewhere."""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from config.stack.children import Account, ChildSpec, wrap_command
from config.stack.errors import StackError

OUTSIDE_HOMES = Path("/var/lib/clockhook")
_NOTE = "postgres.path"  # in the data folder: where its cluster is, once it has moved out
NAMESPACE = Account(namespace_id=65534)


def find_nobody() -> Account:
    """The account ``nobody``, by its usual number where the system does not list it."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(uid=65534, gid=65534)
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def is_listed(uid: int) -> bool:
    """Whether the system knows a user of this number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def read_uid(account: Account) -> int:
    """The user that owns what the account writes."""
    return os.geteuid() if account.uid is None else account.uid


def can_use_namespace(command: Sequence[str], *, cwd: Path) -> bool:
    """Whether ``command`` can run in a user namespace, standing in ``cwd``.

    Asking the kernel for one is not enough: root keeps no power there over files of other users.
    """
    spec = ChildSpec(name="probe", command=command, env=os.environ, cwd=cwd, account=NAMESPACE)
    probe = subprocess.run(
        wrap_command(spec), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
    )
    return probe.returncode == 0


def refuse_foreign_folder(folder: Path) -> None:
    """Nobody runs another user's cluster, least of all root. Raises: StackError."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise StackError(
            f"{folder} belongs to another user: run as that user, "
            "or set CLOCKHOOK_DATA to another folder."
        )


def is_moved_out(data_dir: Path) -> bool:
    return (data_dir / _NOTE).exists()


def open_outside_home(data_dir: Path) -> Path:
    """The folder outside the data folder that ``nobody`` can reach; made at the first need.

    Raises: StackError.
    """
    note = data_dir / _NOTE
    try:
        OUTSIDE_HOMES.mkdir(parents=True, exist_ok=True)
        OUTSIDE_HOMES.chmod(0o755)
        if not note.exists():
            note.write_text(f"{OUTSIDE_HOMES / secrets.token_hex(6)}\n")
        home = Path(note.read_text().strip())
        home.mkdir(exist_ok=True)
        home.chmod(0o755)
        # For whoever finds the folder and wonders whose it is.
        (home / "data_folder").write_text(f"{data_dir}\n")
    except OSError as error:
        raise StackError(
            f"Postgres refuses to run as root and no folder can be made for it ({error}): "
            "run as an ordinary user, or set DATABASE_URL."
        ) from error
    return home


def copy_binaries(package: Path, *, home: Path, parts: Sequence[str], below: str) -> Path:
    """Copy what a server needs of ``package`` to where ``nobody`` may read it; returns its ``bin``.

    The layout stays: programs find their libraries and shared files relative to themselves.
    """
    version = f"{package}\n{package.stat().st_mtime_ns}\n"
    target, stamp = home / "programs", home / "programs.version"
    if not stamp.exists() or stamp.read_text() != version:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        libraries = f"{package.name}.libs"
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, target / libraries)
        for part in parts:
            _copy(package / below / part, target / package.name / below / part)
        _open_to_all(target)
        stamp.write_text(version)
    return target / package.name / below / "bin"


def move_tree(source: Path, target: Path, *, account: Account) -> None:
    """Move a cluster to another place and owner; an interrupted move starts again."""
    fresh = target.with_name(f"{target.name}.moved")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, symlinks=True)
    for folder, _, files in os.walk(fresh):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, read_uid(account), account.gid or 0, follow_symlinks=False)
    fresh.rename(target)
    shutil.rmtree(source)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _open_to_all(root: Path) -> None:
    """Readable for everybody, whatever the umask and the rights of the copied files."""
    for folder, _, files in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: S103 - the binaries of a public wheel
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
