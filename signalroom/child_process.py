"""How processes end: a child with its parent, however that ends; a command without a clean-up.

The kernel sends the signal, so that it works even after a kill -9. The child requests it itself:
code between fork and exec is not safe in a parent with threads. As a program it does so for a
command that cannot:

    python -m signalroom.child_process PARENT_PID COMMAND [ARGUMENT]...
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
from typing import NoReturn

PARENT = "SIGNALROOM_PARENT_PID"
PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int) -> None:
    """End with the parent; immediately if it has already ended. Only works on Linux."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def end_with_named_parent() -> bool:
    """End with the process named in the environment, if any; returns whether there is one.

    The variable is removed, since it does not apply to what this process starts.
    """
    parent = os.environ.pop(PARENT, "")
    if parent:
        end_with_parent(int(parent))
    return bool(parent)


def ending_with_this_process(command: list[str]) -> list[str]:
    """The command, ended by the kernel when this process ends."""
    return [sys.executable, "-m", "signalroom.child_process", str(os.getpid()), *command]


def end_process(code: int) -> NoReturn:
    """End this process: its threads are waited for, its exit functions run, its output is written.

    Python would also free every object, which takes a quarter of a short command's time.
    """
    if "temporalio" not in sys.modules:  # its threads outlive Python's shutdown, which would abort
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed before the start
        try:
            stream.flush()
        except (OSError, ValueError):  # closed by its reader, or by us
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 (a list, and no shell)
