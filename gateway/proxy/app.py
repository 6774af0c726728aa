"""The path of a routed request, top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway import position
from gateway.position import PositionCookies
from gateway.proxy import decision as deciding
from gateway.proxy import headers as fields
from gateway.proxy import record as recording
from gateway.proxy import upstream as upstreams
from gateway.proxy.body import KEPT_MAX, Receive, RequestBody, announced
from gateway.proxy.decision import Decision, Facts
from gateway.proxy.identity import Asker, Resolver, SessionsAway, UpstreamTokens
from gateway.proxy.leash import ClientGone, DeadlinePassed, Leash, Leashes
from gateway.proxy.misdirected import ASKED, Attempts, epoch_of
from gateway.proxy.record import CLIENT_GONE, Record
from gateway.proxy.reply import Reply, Send
from gateway.proxy.shadow import BODY_KEPT, Asked, Mirrored, Shadow
from gateway.proxy.tally import Tally
from gateway.proxy.upstream import SICK, Answering, Body, PooledUpstream, UpstreamError
from gateway.routing.buckets import bucket
from gateway.routing.table import Capability, RoutingTable
from gateway.visitor import Visitors
from services.chassis import log, trace
from services.chassis.problems import Problem

_logger = log.get(__name__)

_METHODS: Final = "GET, HEAD, OPTIONS, POST, PATCH, DELETE"
_READS: Final = frozenset({"GET", "HEAD"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_KIND_OF: Final[Mapping[type[Exception], tuple[str, str]]] = {
    # what happened → the problem that the client sees, the kind that is counted
    upstreams.TimedOut: ("upstream-timeout", "timeout"),
    upstreams.Unreachable: ("upstream-unreachable", "unreachable"),
    upstreams.Babble: ("upstream-unreachable", "nonsense"),
    upstreams.CutShort: ("upstream-unreachable", "cut-short"),
    upstreams.Saturated: ("unavailable", "saturated"),
    upstreams.Resting: ("unavailable", "breaker-open"),
    DeadlinePassed: ("upstream-timeout", "deadline"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a deployment may choose."""

    deadline: float
    """Seconds for a whole request, to the last byte of its answer."""
    patience: float
    """Seconds that a read waits for one side before it asks the other, where it may."""
    body_max: int
    """Bytes of a request's body."""
    trust_forwarded: bool
    access_log: bool
    secure_cookies: bool


class _Asking:
    """A request on its way: what every attempt to have it answered needs."""

    __slots__ = ("asker", "body", "decided", "leash", "length", "method", "position", "request", "scope", "trace")

    def __init__(self, *, scope: dict[str, Any], request: fields.Request, trace: trace.Trace, leash: Leash) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.request = request
        self.trace = trace
        self.leash = leash
        self.asker: Asker
        self.decided: Decision
        self.body: Body | None = None
        self.length = 0
        self.position: bytes | None = None
        """What whoever answers must have come to."""


class DataPlane:
    """An ASGI application for the routed prefixes. Decides nothing by what came before; see what it is given."""

    def __init__(
        self,
        *,
        table: Callable[[], RoutingTable | None],
        resolver: Resolver,
        tokens: UpstreamTokens,
        upstreams: Mapping[deciding.Upstream, PooledUpstream],
        visitors: Visitors,
        positions: PositionCookies,
        shadow: Shadow | None,
        tally: Tally,
        options: Options,
    ) -> None:
        self._table = table
        self._resolver = resolver
        self._tokens = tokens
        self._upstreams = upstreams
        self._visitors = visitors
        self._positions = positions
        self._shadow = shadow
        self._tally = tally
        self._options = options
        self._leashes = Leashes()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send, *, capability: Capability) -> None:
        """Answer one request, whatever happens on the way."""
        memo = scope["extensions"]["techcommerce.memo"]
        request = memo.get("request") or memo.setdefault("request", fields.sort(scope["headers"]))
        here = trace.continued(traceparent=request.single(b"traceparent"), request_id=request.single(b"x-request-id"))
        method = scope["method"]
        route = deciding.template(scope["raw_path"])
        record = Record(capability=capability, method=method, route=route, trace=here, tally=self._tally)
        reply = Reply(send, record)
        seconds = _seconds(request, self._options.deadline)
        try:
            with self._leashes.leash(
                scope["extensions"]["techcommerce.exchange"],
                loop=asyncio.get_running_loop(),
                seconds=seconds,
            ) as leash:
                asking = _Asking(scope=scope, request=request, trace=here, leash=leash)
                await self._serve(asking, receive, reply, record)
        except ClientGone:
            record.status, record.error = record.status or CLIENT_GONE, "client-gone"
        except Problem as problem:
            await reply.problem(problem)
        except (deciding.NoTable, SessionsAway):
            await reply.problem(Problem("unavailable"))
        except (UpstreamError, DeadlinePassed) as error:
            # A client in a hurry, or one that reads slowly, is no fault of the component's.
            patient = seconds == self._options.deadline and not reply.begun
            await reply.problem(self._problem(error, record, patient=patient))
        except Exception as error:
            record.error = type(error).__name__
            _logger.exception("proxy_failed", trace_id=here.trace_id, request_id=here.request_id)
            await reply.problem(Problem("internal"))
        finally:
            record.finish(access_log=self._options.access_log)

    async def _serve(self, asking: _Asking, receive: Receive, reply: Reply, record: Record) -> None:
        capability, method = record.capability, asking.method
        if await _answered_here(asking.request, method, reply):
            return
        body = RequestBody(receive, length=announced(asking.scope["headers"]), limit=self._options.body_max)
        anyone = deciding.open_to_anyone(method, capability=capability)
        asker = asking.asker = await self._resolver.resolve(method, asking.request, anyone=anyone)
        decided, newcomer = self._decide(capability, method, asker, asking.trace)
        asking.decided = decided
        said = asking.request.values(position.FIELD)
        if (said or asker.positions) and method in _READS:
            asking.position = position.asked_for(capability, kept=asker.positions, said=said)
        if body.length != 0:
            await _take(asking, body)
        record.routed(decided)
        answering, asked = await self._answer(asking, record)
        try:
            headers = fields.to_client(answering.headers, request_id=asking.trace.request_id)
            if newcomer is not None:
                cookie = self._visitors.set_cookie_header(newcomer, secure=self._options.secure_cookies)
                headers.append((b"set-cookie", cookie))
            if asker.override is not None:
                headers.append((b"techcommerce-side", deciding.side_of(asked).encode("ascii")))
            if method not in deciding.SAFE_METHODS:
                headers += self._reached(answering, asker)
            kept = await _relay(answering, reply, headers)
            if decided.mirror is not None and asked == decided.upstream:
                self._mirror(asking, decided, answering, record, kept)
        finally:
            answering.close()

    def _decide(
        self, capability: Capability, method: str, asker: Asker, here: trace.Trace
    ) -> tuple[Decision, str | None]:
        """Return the decision, and the visitor cookie of a newcomer for whom it has to stay the same."""
        table, principal = self._table(), asker.principal
        facts = Facts(
            capability=capability,
            method=method,
            visitor=asker.visitor,
            subject=None if principal is None else principal.subject,
            kind=None if principal is None else principal.kind,
            override=asker.override,
        )
        draw = 0
        if table is not None and (route := table.routes[capability]).shadow:
            draw = bucket(salt=route.shadow_salt, key=here.request_id)
        decided = deciding.decide(table, facts, draw=draw)
        if not decided.sticky or asker.visitor is not None or principal is not None:
            return decided, None
        visitor, cookie = self._visitors.issue()
        return deciding.decide(table, facts._replace(visitor=visitor), draw=draw), cookie

    def _reached(self, answering: Answering, asker: Asker) -> fields.Headers:
        """Return the fields that say how far a write has come, and keep it with the shopper."""
        said = fields.values(answering.headers, position.FIELD)
        reached = position.read(said) if said else position.NOWHERE
        if not reached:
            return []
        headers = [(position.FIELD, position.written(reached))]
        if asker.principal is None or asker.principal.kind != "service":
            # A component acts for everyone, and must not be kept to what it did for one.
            value = self._positions.issue(position.merged(asker.positions, reached))
            cookie = self._positions.set_cookie_header(value, secure=self._options.secure_cookies)
            headers.append((b"set-cookie", cookie))
        return headers

    async def _answer(self, asking: _Asking, record: Record) -> tuple[Answering, deciding.Upstream]:
        """Return an answer, and who gave it: the owner wherever it has moved, the other side where a read may."""
        attempts = Attempts(asking.decided, with_position=asking.position is not None)
        try:
            while True:
                target = record.asked = attempts.target
                try:
                    answering = await self._upstreams[target].ask(
                        method=asking.method,
                        target=asking.scope["raw_target"],
                        headers=self._headers(asking, target, attempts),
                        body=asking.body,
                        patience=self._options.patience if attempts.alternative is not None else None,
                    )
                except UpstreamError as error:
                    recording.FAILURES.labels(target, _KIND_OF[type(error)][1]).inc()
                    if not attempts.unanswered():
                        raise
                else:
                    if answering.status == 421:
                        answering.close()
                        await _follow(asking, answering, attempts, record)
                        continue
                    if answering.status not in SICK or not attempts.unanswered():
                        return answering, target
                    answering.close()
                recording.FALLBACKS.labels(record.capability, target).inc()
                record.fell_back = True
        finally:
            if attempts.pursuit is not None:
                seconds = asyncio.get_running_loop().time() - attempts.pursuit.since
                recording.OWNER_WAIT.labels(record.capability).observe(seconds)

    def _headers(self, asking: _Asking, target: deciding.Upstream, attempts: Attempts | None = None) -> fields.Headers:
        scope, principal = asking.scope, asking.asker.principal
        client = scope["client"]
        headers = fields.to_upstream(
            asking.request,
            host=self._upstreams[target].host,
            cookie=asking.asker.cookie,
            client=client[0] if client else None,
            scheme=scope["scheme"],
            trace=asking.trace,
            token=None
            if principal is None
            else self._tokens.token(principal, audience=target, owners=asking.decided.owners),
            timeout=asking.leash.left,
            trust_forwarded=self._options.trust_forwarded,
        )
        if asking.length or asking.method in _WITH_BODY:
            headers.append((b"content-length", b"%d" % asking.length))
        if attempts is not None:
            if asking.position is not None and attempts.with_position:
                headers.append((position.FIELD, asking.position))
            if attempts.referred:
                headers.append((ASKED, b"1"))
        return headers

    def _mirror(
        self, asking: _Asking, decided: Decision, answering: Answering, record: Record, kept: bytes | None
    ) -> None:
        if self._shadow is None or decided.mirror is None:
            return
        if self._shadow.full:
            self._shadow.drop(record.capability, asking.method, record.route)
            return
        self._shadow.offer(
            Mirrored(
                capability=record.capability,
                route=record.route,
                method=asking.method,
                target=asking.scope["raw_target"],
                status=answering.status,
                headers=answering.headers,
                body=kept,
                primary=Asked(upstream=decided.upstream, headers=self._headers(asking, decided.upstream)),
                candidate=Asked(upstream=decided.mirror, headers=self._headers(asking, decided.mirror)),
            )
        )

    def _problem(self, error: Exception, record: Record, *, patient: bool) -> Problem:
        slug, kind = _KIND_OF[type(error)]
        if isinstance(error, DeadlinePassed) and patient and record.asked is not None:
            recording.FAILURES.labels(record.asked, kind).inc()
            self._upstreams[record.asked].failed()
        if isinstance(error, upstreams.Resting):
            return Problem(slug, headers={"Retry-After": str(error.retry_after)})
        return Problem(slug)


async def _answered_here(request: fields.Request, method: str, reply: Reply) -> bool:
    """Answer what is the gateway's own to answer, and tell whether it was."""
    if b"upgrade" in request.read and any(b"websocket" in value.lower() for value in request.values(b"upgrade")):
        raise Problem("not-implemented", detail="There are no WebSockets here.")
    if method == "TRACE":
        raise Problem("method-not-allowed", headers={"Allow": _METHODS})
    if method == "OPTIONS" and request.single(b"max-forwards") == "0":
        await reply.whole(204, [(b"allow", _METHODS.encode("ascii"))], b"")
        return True
    return False


async def _take(asking: _Asking, body: RequestBody) -> None:
    """Gather the body, or let it stream where it is too large to be kept.

    A body whose length has not been said is gathered too: components cannot read one (WSGI has no word for it).
    """
    if body.length is not None and body.length > KEPT_MAX:
        asking.body, asking.length = body.chunks(), body.length
    else:
        whole = await body.gathered()
        asking.body, asking.length = whole or None, len(whole)


async def _follow(asking: _Asking, answering: Answering, attempts: Attempts, record: Record) -> None:
    """Note a 421, and wait until it is time for the next attempt; Problem `unavailable` where there is none."""
    # Nobody in particular is to blame for what passes from here on.
    record.asked, record.followed = None, True
    recording.MISDIRECTED.labels(record.capability).inc()
    wait = attempts.misdirected(epoch_of(answering.headers), now=asyncio.get_running_loop().time())
    if wait is None or not _resendable(asking.body):
        raise Problem("unavailable")
    if wait:
        await asyncio.sleep(wait)


async def _relay(answering: Answering, reply: Reply, headers: fields.Headers) -> bytes | None:
    """Pass the answer on, and return its body where it is small."""
    if answering.whole:
        body = await answering.read()
        await reply.whole(answering.status, headers, body)
        return body if len(body) <= BODY_KEPT else None
    await reply.begin(answering.status, headers)
    piece = await answering.read()
    kept: list[bytes] | None = []
    size = 0
    while piece:
        await reply.chunk(piece)
        size += len(piece)
        if kept is not None:
            kept.append(piece)
            if size > BODY_KEPT:
                kept = None
        piece = await answering.read()
    await reply.end()
    return None if kept is None else b"".join(kept)


def _resendable(body: Body | None) -> bool:
    return body is None or isinstance(body, bytes)


def _seconds(request: fields.Request, most: float) -> float:
    """Return how long the request may take: what its sender says, where that is less than what we allow."""
    said = request.read.get(fields.TIMEOUT)
    if said is not None and said[0].isdigit() and len(said[0]) <= 9:
        return min(int(said[0]) / 1000, most)
    return most
