"""The path of a routed request, top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.proxy import decision as deciding
from gateway.proxy import headers as fields
from gateway.proxy import upstream as upstreams
from gateway.proxy.body import ClientGone, Receive, RequestBody, Watch
from gateway.proxy.identity import Resolver, SessionsAway, UpstreamTokens
from gateway.proxy.record import CLIENT_GONE, Record, recorded
from gateway.proxy.reply import Reply, Send
from gateway.routing.table import Capability, RoutingTable
from services.chassis import log, trace
from services.chassis.identity import Principal
from services.chassis.problems import Problem

_logger = log.get(__name__)

_PROBLEM_OF: Mapping[type[Exception], str] = {
    deciding.NoTable: "unavailable",
    SessionsAway: "unavailable",
    TimeoutError: "upstream-timeout",
    upstreams.TimedOut: "upstream-timeout",
    upstreams.Unreachable: "upstream-unreachable",
    upstreams.CutShort: "upstream-unreachable",
    upstreams.Saturated: "unavailable",
    upstreams.Unsendable: "malformed",
}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a deployment may choose."""

    deadline: float
    """Seconds for a whole request, to the last byte of its answer."""
    trust_forwarded: bool
    access_log: bool


class DataPlane:
    """An ASGI application for the routed prefixes. Holds no state of its own; see what it is given."""

    def __init__(
        self,
        *,
        table: Callable[[], RoutingTable | None],
        resolver: Resolver,
        tokens: UpstreamTokens,
        upstreams: Mapping[deciding.Upstream, upstreams.Upstream],
        own_cookies: frozenset[bytes],
        options: Options,
    ) -> None:
        self._table = table
        self._resolver = resolver
        self._tokens = tokens
        self._upstreams = upstreams
        self._own_cookies = own_cookies
        self._options = options

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send, *, capability: Capability) -> None:
        """Answer one request, whatever happens on the way."""
        here = trace.continued(
            traceparent=fields.single(scope["headers"], b"traceparent"),
            request_id=fields.single(scope["headers"], b"x-request-id"),
        )
        route = deciding.template(scope["raw_path"])
        record = Record(capability=capability, method=scope["method"], route=route, trace=here)
        reply = Reply(send, record)
        with recorded(record, access_log=self._options.access_log):
            try:
                with Watch(receive) as watch:
                    async with asyncio.timeout(self._options.deadline):
                        await self._forward(scope, receive, reply, record, watch)
            except ClientGone:
                record.status, record.error = CLIENT_GONE, "client-gone"
            except Problem as problem:
                await reply.problem(problem)
            except tuple(_PROBLEM_OF) as error:
                await reply.problem(Problem(_PROBLEM_OF[type(error)]))
            except Exception as error:
                record.error = type(error).__name__
                _logger.exception("proxy_failed", trace_id=here.trace_id, request_id=here.request_id)
                await reply.problem(Problem("internal"))

    async def _forward(
        self, scope: dict[str, Any], receive: Receive, reply: Reply, record: Record, watch: Watch
    ) -> None:
        method, headers = scope["method"], scope["headers"]
        table = self._table()
        decided = deciding.decide(table, capability=record.capability)
        principal = await self._principal(method, headers, record.capability)
        body = RequestBody.of(headers, receive)
        upstream = self._upstreams[decided.upstream]
        token = None
        if principal is not None and table is not None:
            token = self._tokens.token(principal, audience=decided.upstream, owners=table.sides)
        sent = fields.to_upstream(
            headers,
            host=upstream.host,
            client=scope["client"][0] if scope.get("client") else None,
            scheme=scope["scheme"],
            trace=record.trace,
            token=token,
            own_cookies=self._own_cookies,
            trust_forwarded=self._options.trust_forwarded,
        )
        length, chunks = await _framed(body, watch)
        if length or method in _WITH_BODY:
            sent.append((b"content-length", str(length).encode()))
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        record.routed(decided)
        async with upstream.exchange(method=method, target=target, headers=sent, body=chunks) as answer:
            await reply.begin(answer.status, fields.to_client(answer.headers, request_id=record.trace.request_id))
            async for chunk in answer.chunks:
                await reply.chunk(chunk)
            await reply.end()

    async def _principal(self, method: str, headers: fields.Headers, capability: Capability) -> Principal | None:
        try:
            return await self._resolver.resolve(method, headers)
        except SessionsAway:
            if deciding.open_to_anyone(method, capability=capability):
                return None
            raise


async def _framed(body: RequestBody, watch: Watch) -> tuple[int, AsyncIterator[bytes] | None]:
    """Return the body's length and the body, None when it is empty.

    It streams where its length has been said. Components cannot read one whose length has not (WSGI has no word for
    it), so that one is gathered first, within the contract's limit.
    """
    if body.length == 0:
        watch.begin()
        return 0, None
    if body.length is not None:
        return body.length, _watched_after(body.chunks(), watch)
    whole = await body.gathered()
    watch.begin()
    return len(whole), _once(whole) if whole else None


async def _watched_after(chunks: AsyncIterator[bytes], watch: Watch) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    watch.begin()


async def _once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole
