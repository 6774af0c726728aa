"""Components' databases without the components."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.local import postgres
from services.local.components import REPOSITORY
from services.local.environment import environment, without_ours


def migrated(home: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the URLs of components' migrated databases, on the server that this process holds up under the home."""
    server = postgres.ensure(home)
    urls = {name: server.url(name) for name in names}
    # As many at once as there are processors at least.
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda name: _migrate(name, home), urls))
    return urls


def _migrate(name: str, home: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "manage.py"), name, "migrate", "--no-input", "--verbosity", "0"]
    variables = environment(name, home, base=without_ours(os.environ))
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
