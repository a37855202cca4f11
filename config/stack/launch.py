"""The last step before a child's own program: ``python -I -S launch.py OPTIONS COMMAND…``.

A program of its own instead of a ``preexec_fn``, which may deadlock beside threads. It changes the
account, ties the child's life to its parent's, and becomes COMMAND. OPTIONS is JSON:
``parent`` (pid), ``death_signal``, ``cwd``, and ``uid``, ``gid`` or ``namespace_id`` where the
account changes. It imports the standard library alone and nothing of this package.
"""

import ctypes
import json
import os
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def _enter_namespace(inside: int) -> None:
    """Be the user ``inside`` in a user namespace of our own; the world outside sees no change."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this system allows no user namespace")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {uid} 1"),
        ("gid_map", f"{inside} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _become_user(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int, number: int) -> None:
    # After the change of account, which clears this setting.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor died meanwhile")


def launch(options: dict[str, Any], command: list[str]) -> None:
    """Change the account as ``options`` say and become ``command``."""
    if "namespace_id" in options:
        _enter_namespace(options["namespace_id"])
    if "uid" in options:
        _become_user(options["uid"], options["gid"])
    _die_with(options["parent"], options["death_signal"])
    os.chdir(options["cwd"])
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own commands


if __name__ == "__main__":
    try:
        launch(json.loads(sys.argv[1]), sys.argv[2:])
    except OSError as error:
        sys.exit(f"cannot start {sys.argv[2]}: {error}")
