"""The gateway as it is deployed: gunicorn, two workers, real sockets on both sides."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from services.local.components import REPOSITORY
from tests.unit.gateway.proxy.support import unused_port


class Component(ThreadingHTTPServer):
    """Answers with its name."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Component

    def do_GET(self) -> None:
        if self.path.endswith("/HALF"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return
        if self.path.endswith("/CHUNKS"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\nhalf\r\n")
            self.close_connection = True
            return
        self.send_response(200)
        body = self.server.name.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Shop:
    """A running gateway."""

    def __init__(self, port: int, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.log = log
        self.process = process

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Ask on a fresh connection, so that any worker may answer."""
        with_worker = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            with_worker.request(method, path, headers=headers or {})
            answer = with_worker.getresponse()
            return answer.status, answer.read()
        finally:
            with_worker.close()

    def said(self, event: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if event in line]


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "in vain"
        time.sleep(0.02)


@pytest.fixture
def shop(committed, tmp_path) -> Iterator[Shop]:
    components = {name: Component(name) for name in ("legacy", "products", "orders")}
    for component in components.values():
        threading.Thread(target=component.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    url = urlsplit(os.environ["GATEWAY_DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    port = unused_port()
    variables = {
        **os.environ,
        "GATEWAY_DATABASE_URL": database,
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "GATEWAY_WORKERS": "2",
        "GATEWAY_GRACEFUL_SECONDS": "3",
        "TECHCOMMERCE_COMPONENT": "gateway",
        "PROMETHEUS_MULTIPROC_ROOT": str(tmp_path),
        **{f"{name.upper()}_URL": f"http://127.0.0.1:{one.server_port}" for name, one in components.items()},
    }
    variables.pop("PROMETHEUS_MULTIPROC_DIR", None)
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--config", "services/chassis/gunicorn.py", "gateway.asgi:application"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=variables, stdout=output, stderr=subprocess.STDOUT)
    running = Shop(port, log, process)
    try:
        until(lambda: len(running.said("routing_changed")) == 2 or process.poll() is not None)
        until(lambda: _listens(port))
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        for component in components.values():
            component.shutdown()
            component.server_close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_worker_follows_an_edit_in_psql_without_a_restart(shop, committed):
    assert {shop.ask("/products/A") for _ in range(20)} == {(200, b"legacy")}
    committed("UPDATE routing_toggle SET reads = 1024, writes = 1024 WHERE capability = 'products'")
    until(lambda: len(shop.said("routing_changed")) == 4)
    assert {shop.ask("/products/A") for _ in range(20)} == {(200, b"products")}
    assert {shop.ask("/orders/TC-1234") for _ in range(20)} == {(200, b"legacy")}
    committed("UPDATE routing_toggle SET reads = 0, writes = 0 WHERE capability = 'products'")
    until(lambda: len(shop.said("routing_changed")) == 6)
    assert {shop.ask("/products/A") for _ in range(20)} == {(200, b"legacy")}


def test_workers_go_on_with_what_they_know_while_their_database_connections_die(shop, committed):
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gateway%%'"
    for _ in range(5):
        committed(kill)
        assert {shop.ask("/products/A") for _ in range(10)} == {(200, b"legacy")}
    committed("UPDATE routing_toggle SET reads = 1024, writes = 1024 WHERE capability = 'products'")
    until(lambda: {shop.ask("/products/A") for _ in range(10)} == {(200, b"products")})


@pytest.mark.parametrize("path", ["/products/HALF", "/products/CHUNKS"])
def test_an_answer_that_breaks_off_is_seen_to_break_off(shop, path):
    with pytest.raises(http.client.IncompleteRead):
        shop.ask(path)
    assert shop.ask("/products/A") == (200, b"legacy")


def test_metrics_are_those_of_all_workers(shop):
    for _ in range(20):
        shop.ask("/products/A")

    def counted() -> int:
        _, text = shop.ask("/metrics")
        found = re.search(rb'techcommerce_routed_requests_total\{[^}]*capability="products"[^}]*\} (\d+)', text)
        return int(found[1]) if found else 0

    until(lambda: counted() == 20)


def test_a_request_that_is_refused_early_leaves_the_connection_in_order(shop):
    with socket.create_connection(("127.0.0.1", shop.port), timeout=10) as client:
        client.sendall(
            b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
        )
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_it_ends_in_good_order(shop):
    shop.process.send_signal(signal.SIGTERM)
    assert shop.process.wait(10) == 0
    assert not shop.said("Traceback")
