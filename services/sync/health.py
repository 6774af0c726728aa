"""`/healthz`, `/readyz` and `/metrics` of the mover, by the standard library's server: nobody else listens to it."""

from __future__ import annotations

import json
import socketserver
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from services.chassis.problems import CONTENT_TYPE, Problem
from services.sync import metrics
from services.sync.pulse import Pulse, checks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_JSON: Final = "application/json"
_ALLOWED: Final = ("GET", "HEAD")
_PHRASES: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


def application(pulses: Sequence[Pulse], *, clock: Callable[[], float] = time.monotonic) -> WSGIApplication:
    """Return what answers for relays with these pulses."""

    def healthz() -> Answer:
        # Touches nothing else, so that a slow database never restarts this process.
        return 200, _JSON, _json({"status": "ok"})

    def readyz() -> Answer:
        found = checks(pulses, now=clock())
        ready = all(said == "ok" for said in found.values())
        body = _json({"status": "ok" if ready else "unavailable", "checks": found})
        return 200 if ready else 503, _JSON, body

    def expose() -> Answer:
        body, content_type = metrics.exposition()
        return 200, content_type, body

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": expose}

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        headers = []
        page = pages.get(environ["PATH_INFO"])
        if environ["REQUEST_METHOD"] not in _ALLOWED:
            status, content_type, body = _refusal("method-not-allowed")
            headers.append(("Allow", ", ".join(_ALLOWED)))
        elif page is None:
            status, content_type, body = _refusal("not-found")
        else:
            status, content_type, body = page()
        headers += [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response(f"{status} {_PHRASES[status]}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return answer


def server(host: str, port: int, app: WSGIApplication) -> Server:
    """Return a server that listens already, and answers once `serve_forever` is called."""
    made = Server((host, port), _Handler)
    made.set_app(app)
    return made


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: one who sends nothing keeps nobody else waiting."""

    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        # The parent's would ask the name service what this machine is called.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "sync", int(self.server_address[1])
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: probes come every few seconds."""


def _refusal(slug: str) -> Answer:
    problem = Problem(slug)
    return problem.status, CONTENT_TYPE, problem.body()


def _json(said: Mapping[str, object]) -> bytes:
    return json.dumps(said).encode()
