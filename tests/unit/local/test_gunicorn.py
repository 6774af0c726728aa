"""The configuration that every component is served with."""

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

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


@pytest.mark.parametrize(("component", "kind"), [("orders", "wsgi"), ("gateway", "asgi")])
def test_serves_both_kinds_and_leaves_no_metrics_behind(tmp_path: Path, component: str, kind: str) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    port = ports.free()[component]
    prefix = component.upper()
    variables = {
        "TECHCOMMERCE_COMPONENT": component,
        f"{prefix}_PORT": str(port),
        f"{prefix}_BIND": "127.0.0.1",
        f"{prefix}_WORKERS": "2",
        "PROMETHEUS_MULTIPROC_ROOT": str(tmp_path / "metrics"),
        "PYTHONPATH": f"{tmp_path}:{REPOSITORY}",
    }
    config = str(REPOSITORY / "services/chassis/gunicorn.py")
    command = [sys.executable, "-m", "gunicorn", "--config", config, f"application:{kind}"]
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
