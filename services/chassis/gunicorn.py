"""gunicorn's configuration, the same file for every component, on a laptop and in a cluster.

    TECHCOMMERCE_COMPONENT=orders gunicorn --config services/chassis/gunicorn.py services.orders.wsgi:application

Reads `TECHCOMMERCE_COMPONENT` and, with the component's name in capitals before them, `_BIND` (default `0.0.0.0`),
`_PORT`, `_WORKERS`, `_THREADS`, `_GRACEFUL_SECONDS`; `GUNICORN_LOG_LEVEL`; `PROMETHEUS_MULTIPROC_ROOT`, the directory
under which metrics are shared between workers (default: the one for temporary files).
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from services.chassis import env

component = env.text("TECHCOMMERCE_COMPONENT")
prefix = component.upper()

_PORTS = {"gateway": 3000, "legacy": 8000, "products": 5000, "orders": 4000}


def _fresh_metrics_directory() -> None:
    """Give this master's workers an empty directory for metrics: a former master's numbers are not theirs."""
    # gunicorn reads this file again when told to reload; the workers that live on go on writing where they began.
    if os.environ.get("PROMETHEUS_MULTIPROC_OWNER") == str(os.getpid()):
        return
    root = Path(env.text("PROMETHEUS_MULTIPROC_ROOT", tempfile.gettempdir()))
    directory = root / f"techcommerce-metrics-{component}-{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    os.environ["PROMETHEUS_MULTIPROC_OWNER"] = str(os.getpid())


# Before the application is loaded: prometheus_client decides where numbers live when it is imported.
_fresh_metrics_directory()

bind = f"{env.text(f'{prefix}_BIND', '0.0.0.0')}:{env.integer(f'{prefix}_PORT', _PORTS.get(component, 8000))}"  # noqa: S104
workers = env.integer(f"{prefix}_WORKERS", 2)
if component == "gateway":
    worker_class = "gateway.wire.worker.GatewayWorker"
    asgi_loop = "uvloop"
    backlog = 2048
else:
    worker_class = "gthread"
    threads = env.integer(f"{prefix}_THREADS", 8)

# Workers share the application's memory. Nothing may be open at the fork: pools open at their first use.
preload_app = True
graceful_timeout = int(env.seconds(f"{prefix}_GRACEFUL_SECONDS", 30))
# Longer than clients keep an idle connection, so that it is the client who closes: the other way round a request
# would now and then be sent on a connection that has just gone.
keepalive = 75
# Heartbeats are file changes: on a disk they can stall and a healthy worker be killed for it.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True
accesslog = None  # The chassis writes one line per request, with more in it.
errorlog = "-"
loglevel = env.text("GUNICORN_LOG_LEVEL", "warning")
proc_name = f"techcommerce-{component}"


# A worker that is told to stop between its birth and its first look at signals would never know: the handler that it
# has inherited only makes a note for a master. Until it has its own, signals wait.
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
os.register_at_fork(after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING))


def pre_fork(server: Any, worker: Any) -> None:
    """Hold back the signals that stop a process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)


def post_worker_init(worker: Any) -> None:
    """Let them in: the worker's own handlers are there. The gateway's are its event loop's, which has yet to run."""
    if component != "gateway":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def when_ready(server: Any) -> None:
    """Keep the garbage collector from touching, and so copying, what workers share."""
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    """Drop the gauges of a worker that has gone."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Remove this master's metrics."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
