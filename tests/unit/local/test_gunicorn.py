"""The configuration that every component is served with."""

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.local import ports
from services.local.components import REPOSITORY

APPLICATION = """
import os, threading
assert os.environ["PROMETHEUS_MULTIPROC_DIR"]
assert threading.active_count() == 1, "threads do not survive a fork"
from prometheus_client import Counter
COUNT = Counter("asked", "Requests.")
def wsgi(environ, start_response):
    COUNT.inc()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
async def asgi(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""


KINDS = pytest.mark.parametrize(("component", "kind"), [("orders", "wsgi"), ("gateway", "asgi")])
SLOW_TO_BEGIN = """
import time
os.register_at_fork(after_in_child=lambda: time.sleep(2))
"""


@KINDS
def test_serves_both_kinds_and_leaves_no_metrics_behind(tmp_path: Path, component: str, kind: str) -> None:
    port, command, variables = _served(tmp_path, component, kind, APPLICATION)
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as master:
        try:
            assert _answer(port) == b"ok"
            (directory,) = (tmp_path / "metrics").iterdir()
            assert directory.name == f"techcommerce-metrics-{component}-{master.pid}"
        finally:
            master.terminate()
            said, _ = master.communicate(timeout=20)
    assert (master.returncode, said) == (0, "")
    assert not list((tmp_path / "metrics").iterdir())


@KINDS
def test_a_worker_told_to_stop_before_it_has_begun_stops(tmp_path: Path, component: str, kind: str) -> None:
    _, command, variables = _served(tmp_path, component, kind, APPLICATION + SLOW_TO_BEGIN)
    with subprocess.Popen(command, env={**os.environ, **variables}) as process:
        master = psutil.Process(process.pid)
        deadline = time.monotonic() + 15
        while len(master.children()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        # A worker that never heard of it would be waited for until the 30 seconds of grace are over.
        assert process.wait(timeout=20) == 0


def _served(directory: Path, component: str, kind: str, application: str) -> tuple[int, list[str], dict[str, str]]:
    """Return the port, the command and the variables that serve an application of two workers."""
    (directory / "application.py").write_text(application)
    port = ports.free()[component]
    prefix = component.upper()
    variables = {
        "TECHCOMMERCE_COMPONENT": component,
        f"{prefix}_PORT": str(port),
        f"{prefix}_BIND": "127.0.0.1",
        f"{prefix}_WORKERS": "2",
        "PROMETHEUS_MULTIPROC_ROOT": str(directory / "metrics"),
        "PYTHONPATH": f"{directory}:{REPOSITORY}",
    }
    config = str(REPOSITORY / "services/chassis/gunicorn.py")
    command = [sys.executable, "-m", "gunicorn", "--config", config, f"application:{kind}"]
    return port, command, variables


def _answer(port: int) -> bytes:
    deadline = time.monotonic() + 15
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            connection.close()
