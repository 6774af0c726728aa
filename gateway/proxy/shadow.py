"""Mirrored reads: what the other side would have answered, asked for after the shopper has the answer.

Never in the shopper's way: `offer` neither waits nor raises, the queue is bounded in number and bytes and drops when
it is full, a fixed number of workers asks, every ask has one time limit, and large bodies are compared in a thread.

Of a small random share of the requests the side that answered is asked once more, whatever the candidate said. What
differs between its two answers is noise; `gateway/comparison/noise.py` weighs the one against the other.

Metrics (`capability`): `techcommerce_shadow_comparisons_total` (`result`: equal, different, failed),
`techcommerce_shadow_dropped_total`, `techcommerce_shadow_queue` (requests that wait, over all workers),
`techcommerce_shadow_lost_total` (comparisons that could not be kept; no label).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from prometheus_client import Counter, Gauge

from gateway.proxy.compare import Comparison, Response, compare
from gateway.proxy.decision import Upstream as Component
from gateway.proxy.headers import Headers
from gateway.proxy.ignore import Rules
from gateway.proxy.upstream import Upstream, UpstreamError
from gateway.routing.table import Capability
from services.chassis import log

_logger = log.get("gateway.shadow")

BODY_KEPT: Final = 256 * 1024
"""Bytes. Of a larger body nothing is kept, and nothing but its being larger is compared."""

COMPARISONS: Final = Counter(
    "techcommerce_shadow_comparisons",
    "Mirrored reads, by whether the other side answered alike.",
    ["capability", "result"],
)
DROPPED: Final = Counter(
    "techcommerce_shadow_dropped",
    "Mirrored reads that came to nothing: the queue was full, or the other side said 421.",
    ["capability"],
)
QUEUE: Final = Gauge("techcommerce_shadow_queue", "Mirrored reads that wait.", multiprocess_mode="livesum")
LOST: Final = Counter("techcommerce_shadow_lost", "Comparisons that could not be kept.")

MARK: Final = (b"x-techcommerce-shadow", b"1")
# An answer to one of these depends on what this client already has from the side that it knows.
_CONDITIONAL: Final = frozenset(
    {b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"range"}
)
_MISDIRECTED: Final = 421
_IN_THREAD: Final = 8 * 1024
"""Bytes of two bodies from which on comparing them would hold up the event loop."""

Result = Literal["equal", "different", "failed", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How to ask one side."""

    upstream: Component
    headers: Headers
    """Ready to send, a token for that audience among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A read that the shopper has been answered, and how to ask it of the other side."""

    capability: Capability
    route: str
    """A template, e.g. `/products/{sku}`."""
    method: str
    target: bytes
    """Path and query as the client sent them."""
    status: int
    headers: Headers
    body: bytes | None
    """What the upstream answered; None when it was larger than `BODY_KEPT`."""
    primary: Asked
    candidate: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was asked, and what both sides said."""

    target: bytes
    primary: Response
    candidate: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of one mirrored read; or of `times` ones that were dropped."""

    capability: Capability
    method: str
    route: str
    result: Result
    times: int = 1
    comparison: Comparison | None = None
    control: Comparison | None = None
    """The primary against itself; None where it was not asked again, or did not answer."""
    answers: Answers | None = None
    """Where they differ, unless too much waits to be written."""

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return (
            0
            if self.answers is None
            else len(self.answers.primary.body or b"") + len(self.answers.candidate.body or b"")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOptions:
    """How much of it there may be."""

    queue: int = 256
    queue_bytes: int = 16 * 1024 * 1024
    workers: int = 8
    seconds: float = 2.0
    """For one ask, from the first byte sent to the last received."""
    noise_share: float = 1 / 16
    flush_seconds: float = 1.0
    sink_seconds: float = 10.0
    pending: int = 2000
    pending_bytes: int = 8 * 1024 * 1024
    """Beyond this, comparisons that wait to be written keep no bodies."""
    warn_seconds: float = 10.0


class Sink(Protocol):
    """Where comparisons are kept."""

    async def write(self, batch: Sequence[Compared]) -> None:
        """Keep them; any exception means that none was kept."""


class Shadow:
    """One worker process's mirrored reads. Belongs to one event loop."""

    def __init__(
        self,
        *,
        upstreams: Mapping[Component, Upstream],
        sink: Sink,
        rules: Callable[[], Rules],
        options: ShadowOptions,
        rng: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstreams = upstreams
        self._sink = sink
        self._rules = rules
        self._options = options
        self._rng = rng
        self._clock = clock
        self._queue: asyncio.Queue[Mirrored] = asyncio.Queue(options.queue)
        self._queued_bytes = 0
        self._pending: list[Compared] = []
        self._pending_bytes = 0
        self._dropped: Tally[tuple[Capability, str, str]] = Tally()
        self._warned_at: float | None = None
        self._unsaid = 0
        self._workers: list[asyncio.Task[None]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    @property
    def full(self) -> bool:
        """Whether what is offered now would be dropped anyway: its making can be saved. `drop` says so instead."""
        return self._queue.full()

    def offer(self, mirrored: Mirrored) -> None:
        """Take a read that the shopper has been answered, or drop it. Never blocks, never raises.

        Conditional and partial requests are passed over: their answers may rightly differ.
        """
        if any(name in _CONDITIONAL for name, _ in mirrored.primary.headers):
            return
        size = len(mirrored.body or b"")
        if not self._workers or self._queue.full() or self._queued_bytes + size > self._options.queue_bytes:
            self._drop(mirrored)
            return
        self._queue.put_nowait(mirrored)
        self._queued_bytes += size
        QUEUE.inc()

    async def start(self) -> None:
        """Begin, in the running event loop."""
        if self._workers:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compare")
        self._workers = [asyncio.create_task(self._work(), name="shadow") for _ in range(self._options.workers)]
        self._flusher = asyncio.create_task(self._flush_for_ever(), name="shadow-flush")

    async def close(self) -> None:
        """Stop asking, and write what there is. What still waits in the queue is dropped."""
        tasks = [*self._workers, *([self._flusher] if self._flusher else [])]
        self._workers, self._flusher = [], None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._queue.empty():
            self._drop(self._taken(self._queue.get_nowait()))
        await self._flush()
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    def _taken(self, mirrored: Mirrored) -> Mirrored:
        self._queued_bytes -= len(mirrored.body or b"")
        QUEUE.dec()
        return mirrored

    def _drop(self, mirrored: Mirrored) -> None:
        self.drop(mirrored.capability, mirrored.method, mirrored.route)

    def drop(self, capability: Capability, method: str, route: str) -> None:
        """Note a read that was in the sample, and for which there is no room."""
        # With the queue full this is every read's business: the counter itself is told with the next batch.
        self._dropped[capability, method, route] += 1
        self._unsaid += 1
        now = self._clock()
        if self._warned_at is None or now - self._warned_at >= self._options.warn_seconds:
            _logger.warning("shadow_dropped", dropped=self._unsaid, waiting=self._queue.qsize())
            self._warned_at, self._unsaid = now, 0

    async def _work(self) -> None:
        while True:
            mirrored = self._taken(await self._queue.get())
            compared: Compared | None
            try:
                compared = await self._compared(mirrored)
            except Exception as error:
                # A bug of ours must not end the worker, nor pass for a difference.
                _logger.exception("shadow_failed", route=mirrored.route, error=type(error).__name__)
                compared = _failed(mirrored)
            if compared is None:
                self._dropped[mirrored.capability, mirrored.method, mirrored.route] += 1
                continue
            COMPARISONS.labels(compared.capability, compared.result).inc()
            self._keep(compared)

    async def _compared(self, mirrored: Mirrored) -> Compared | None:
        """Return what came of asking; None where the other side leaves the answer to whoever owns the row."""
        # Both are asked at once, so that what has changed since the shopper's answer has changed for both.
        again = self._rng.random() < self._options.noise_share
        asks = [self._ask(mirrored, mirrored.candidate)]
        if again:
            asks.append(self._ask(mirrored, mirrored.primary))
        candidate, *controls = await asyncio.gather(*asks)
        if candidate is None:
            return _failed(mirrored)
        if candidate.status == _MISDIRECTED:
            return None
        primary = Response(status=mirrored.status, headers=mirrored.headers, body=mirrored.body)
        comparison = await self._compare(mirrored, primary, candidate)
        control = None
        if controls and controls[0] is not None and controls[0].status != _MISDIRECTED:
            control = await self._compare(mirrored, primary, controls[0])
        compared = Compared(
            capability=mirrored.capability,
            method=mirrored.method,
            route=mirrored.route,
            result="different" if comparison.differences else "equal",
            comparison=comparison,
            control=control,
        )
        if comparison.differences:
            answers = Answers(target=mirrored.target, primary=primary, candidate=candidate)
            return replace(compared, answers=answers)
        return compared

    async def _compare(self, mirrored: Mirrored, primary: Response, candidate: Response) -> Comparison:
        rules = self._rules()

        def work() -> Comparison:
            return compare(primary, candidate, capability=mirrored.capability, rules=rules)

        size = len(primary.body or b"") + len(candidate.body or b"")
        if size < _IN_THREAD or primary.body == candidate.body:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _ask(self, mirrored: Mirrored, asked: Asked) -> Response | None:
        """Return what a side answers; None when it gives no whole answer in time."""
        try:
            async with (
                asyncio.timeout(self._options.seconds),
                self._upstreams[asked.upstream].exchange(
                    method=mirrored.method, target=mirrored.target, headers=[*asked.headers, MARK], body=None
                ) as answer,
            ):
                body = bytearray()
                async for chunk in answer.chunks:
                    body += chunk
                    if len(body) > BODY_KEPT:
                        return Response(status=answer.status, headers=answer.headers, body=None)
                return Response(status=answer.status, headers=answer.headers, body=bytes(body))
        except (UpstreamError, TimeoutError):
            return None

    def _keep(self, compared: Compared) -> None:
        if len(self._pending) >= self._options.pending:
            LOST.inc()
            return
        if self._pending_bytes + compared.size > self._options.pending_bytes:
            compared = replace(compared, answers=None)
        self._pending_bytes += compared.size
        self._pending.append(compared)

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.flush_seconds)
            await self._flush()

    async def _flush(self) -> None:
        batch, self._pending, self._pending_bytes = self._pending, [], 0
        for (capability, method, route), times in self._dropped.items():
            DROPPED.labels(capability).inc(times)
            batch.append(Compared(capability=capability, method=method, route=route, result="dropped", times=times))
        self._dropped.clear()
        if not batch:
            return
        try:
            async with asyncio.timeout(self._options.sink_seconds):
                await self._sink.write(batch)
        except Exception as error:
            # They are a sample: going on counts for more than any of them.
            LOST.inc(len(batch))
            _logger.warning("shadow_not_kept", comparisons=len(batch), error=type(error).__name__)


def _failed(mirrored: Mirrored) -> Compared:
    return Compared(capability=mirrored.capability, method=mirrored.method, route=mirrored.route, result="failed")
