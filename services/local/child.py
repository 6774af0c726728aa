"""Becomes the given command, which from then on is told to stop when the process that started it dies.

Runs as a script, `child.py PARENT_PID COMMAND…`, on as little of Python as there is: every supervised process starts
through it. A separate step, because code run between fork and exec in a process with threads may deadlock.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    # The parent may have died before the line above took effect.
    if os.getppid() != parent:
        sys.exit(0)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
