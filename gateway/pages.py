"""Django behind ASGI, one thread per request from its first query to its last.

Django's own ASGI handler cancels a view when its client hangs up, and then the view's database connection is never
given back. Here a view always runs to its end, in a thread of a bounded pool, and closing is done in that thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from gateway.proxy.body import RequestBody, announced
from gateway.proxy.leash import ClientGone
from services.chassis import contract
from services.chassis.middleware import problem_response
from services.chassis.problems import Problem

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Rendered = tuple[int, list[tuple[bytes, bytes]], bytes]


class Pages(BaseHandler):
    """The ASGI application for everything that Django answers. Pages are small: each is sent in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, executor: Executor) -> None:
        """Answer one request."""
        try:
            length = announced(scope["headers"])
            body = await RequestBody(receive, length=length, limit=contract.BODY_MAX).gathered()
        except ClientGone:
            return
        except Problem as problem:
            status, headers, content = _rendered(problem_response(problem))
        else:
            context = contextvars.copy_context()
            status, headers, content = await asyncio.get_running_loop().run_in_executor(
                executor, context.run, self._respond, scope, body
            )
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    def _respond(self, scope: Scope, body: bytes) -> Rendered:
        set_script_prefix("")
        signals.request_started.send(sender=self.__class__, scope=scope)
        try:
            try:
                request = ASGIRequest(scope, io.BytesIO(body))
            except UnicodeDecodeError:
                response: HttpResponseBase = HttpResponseBadRequest()
            else:
                response = self.get_response(request)
            response._handler_class = self.__class__  # type: ignore[attr-defined]
            try:
                return _rendered(response)
            finally:
                response.close()
        finally:
            connections.close_all()


def _rendered(response: HttpResponseBase) -> Rendered:
    content = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers += [
        (b"set-cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return response.status_code, headers, content
