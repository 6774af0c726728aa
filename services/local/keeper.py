"""Stops the embedded PostgreSQL soon after the last process that held it has gone.

Runs detached, as a script, on the standard library alone so that it stays small. Waiting for a lock instead of
counting process ids means that a process killed outright lets go like any other.
"""

import fcntl
import json
import os
import subprocess
import sys
import time

# Long enough that commands typed one after the other find the server warm.
LINGER_SECONDS = 3.0


def main(holders: str, own_lock: int, stop: list[str], account: dict[str, object]) -> None:
    while True:
        descriptor = os.open(holders, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.close(descriptor)
        time.sleep(LINGER_SECONDS)
        descriptor = os.open(holders, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        # Nobody can begin to hold the server while this lock is ours. Our own lock goes first: whoever comes next must
        # find either a keeper that still watches, or none.
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)  # type: ignore[call-overload]
        os.close(own_lock)
        os.close(descriptor)
        return


if __name__ == "__main__":
    # Goes its own way, so that whoever started it has no child to wait for.
    if os.fork():
        os._exit(0)
    try:
        main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4]))
    except FileNotFoundError:
        # The directory was deleted under a running server, which notices by itself within a minute.
        sys.exit(0)
