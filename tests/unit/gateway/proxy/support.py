"""A data plane with a real socket behind it, and keys for everyone."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import tokens
from gateway.override import Overrides
from gateway.position import PositionCookies
from gateway.proxy.app import DataPlane, Options
from gateway.proxy.decision import UPSTREAMS, Upstream, capability_of
from gateway.proxy.identity import ISSUERS, Cookies, LookUp, Resolver, UpstreamTokens
from gateway.proxy.tally import Tally
from gateway.proxy.upstream import Limits, PooledUpstream
from gateway.routing.table import Route, RoutingTable
from gateway.visitor import Visitors
from services.chassis import contract
from services.chassis.identity import Minter, Principal, Verifier

KEYS = {name: Ed25519PrivateKey.generate() for name in ISSUERS}
PUBLIC = {name: key.public_key() for name, key in KEYS.items()}
COOKIES = Cookies(
    identity=b"tc_identity",
    session=b"tc_session",
    visitor=b"tc_visitor",
    override=b"tc_route",
    position=b"tc_position",
)
POSITIONS = PositionCookies(secret="of the tests")
VISITORS = Visitors(secret="of the tests")
TABLE = RoutingTable(
    revision=1,
    routes={
        "products": replace(Route.to("monolith"), fallback=False),
        "orders": replace(Route.to("service"), fallback=False),
    },
)
CUSTOMER = Principal(subject="c-1", kind="customer", scopes=frozenset({"orders"}))

Handler = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


def minter(name: str = "gateway") -> Minter:
    return Minter(issuer=name, key=KEYS[name])


def access_token(principal: Principal = CUSTOMER, **changes: Any) -> str:
    return minter().mint(principal, audience=tokens.ACCESS_AUDIENCE, **changes)


def cookie(principal: Principal = CUSTOMER) -> str:
    return minter().mint(principal, audience=tokens.COOKIE_AUDIENCE)


async def no_sessions(key: str) -> Principal | None:
    return None


def resolver(look_up_session: LookUp = no_sessions, **changes: Any) -> Resolver:
    return Resolver(
        bearer_tokens=Verifier(audience=tokens.ACCESS_AUDIENCE, keys=PUBLIC),
        cookie_tokens=Verifier(audience=tokens.COOKIE_AUDIENCE, keys={"gateway": PUBLIC["gateway"]}),
        cookies=COOKIES,
        visitors=VISITORS,
        positions=POSITIONS,
        overrides=Overrides(key=PUBLIC["gateway"]),
        look_up_session=look_up_session,
        **changes,
    )


@dataclass
class Received:
    """A request as it came over the wire."""

    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known.lower() == name]


async def say_ok(request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if request.line.startswith(b"HEAD") else b"ok"))


@dataclass
class Recorder:
    """An upstream that records what it gets, byte for byte, and answers as told."""

    answer: Handler = say_ok
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
                pairs = [line.split(b": ", 1) for line in head[1:] if line]
                request = Received(head[0], [(pair[0], pair[1]) for pair in pairs])
                self.requests.append(request)
                if request.values(b"content-length"):
                    request.body = await reader.readexactly(int(request.values(b"content-length")[0]))
                answering = asyncio.ensure_future(self.answer(request, writer))
                gone = asyncio.ensure_future(self._until_gone(reader))
                await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
                if not answering.done():
                    answering.cancel()
                    self.hung_up.set()
                    return
                answering.result()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _until_gone(self, reader: asyncio.StreamReader) -> None:
        while not reader.at_eof():
            await asyncio.sleep(0.005)


def cut(writer: asyncio.StreamWriter) -> None:
    """Reset the connection: what a process that is killed leaves."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Heard:
    """What the client of the data plane heard."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]


class Front:
    """The client's side of a data plane."""

    def __init__(
        self, plane: DataPlane, recorders: Mapping[str, Recorder], upstreams: Mapping[str, PooledUpstream]
    ) -> None:
        self.plane = plane
        self.recorders = recorders
        self.upstreams = upstreams

    @property
    def recorder(self) -> Recorder:
        """The one of a data plane whose upstreams are all the same."""
        return self.recorders["legacy"]

    async def ask(
        self,
        method: str,
        path: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        *,
        body: list[bytes] | None = None,
        gone: asyncio.Event | None = None,
        heard: Heard | None = None,
        reading: asyncio.Event | None = None,
    ) -> Heard:
        """Send a request and return what was heard. `gone` makes the client hang up, `reading` read on at last."""
        heard = heard or Heard()
        raw_path, _, query = path.partition(b"?")
        chunks = list(body or [b""])
        gone = gone or asyncio.Event()

        async def receive() -> dict[str, Any]:
            if chunks:
                return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                assert not heard.status, "an answer began twice"
                heard.status, heard.headers = message["status"], message["headers"]
            else:
                heard.chunks.append(message.get("body", b""))
                heard.whole = not message.get("more_body", False)
                if reading is not None:
                    await reading.wait()

        exchange = Exchange()
        leaving = asyncio.ensure_future(_leave(gone, exchange))
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "raw_path": raw_path,
            "raw_target": path,
            "query_string": query,
            "headers": [(b"host", b"shop.test"), *(headers or [])],
            "client": ("192.0.2.7", 1234),
            "extensions": {"techcommerce.exchange": exchange, "techcommerce.memo": {}},
        }
        capability = capability_of(raw_path)
        assert capability is not None
        try:
            await asyncio.wait_for(self.plane(scope, receive, send, capability=capability), 30)
        finally:
            leaving.cancel()
        return heard


class Exchange:
    """A server's word on whether the client is still there."""

    def __init__(self) -> None:
        self._callback: Callable[[], object] | None = None

    @property
    def task(self) -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    def on_gone(self, callback: Callable[[], object] | None) -> None:
        self._callback = callback

    def gone(self) -> None:
        if self._callback is not None:
            self._callback()


async def _leave(gone: asyncio.Event, exchange: Exchange) -> None:
    await gone.wait()
    exchange.gone()


@asynccontextmanager
async def front(
    answer: Handler = say_ok,
    *,
    table: RoutingTable | None = TABLE,
    deadline: float = 5.0,
    read: float = 5.0,
    urls: Mapping[str, str] | None = None,
    look_up_session: LookUp = no_sessions,
    concurrency: int = 256,
    patience: float = 5.0,
    body_max: int = contract.BODY_MAX,
    answers: Mapping[str, Handler] | None = None,
    shadow: Any = None,
    clock: Callable[[], float] | None = None,
) -> AsyncIterator[Front]:
    """Run a data plane whose upstreams are all one recorder, but for those that `answers` says something else for."""
    everyone = Recorder(answer)
    recorders = {name: Recorder(answers[name]) if name in (answers or {}) else everyone for name in UPSTREAMS}  # type: ignore[index]
    servers = []
    for recorder in {id(each): each for each in recorders.values()}.values():
        server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
        recorder.port = server.sockets[0].getsockname()[1]
        servers.append(server)
    limits = Limits(connect=1.0, read=read, concurrency=concurrency)
    upstreams: dict[Upstream, PooledUpstream] = {
        name: PooledUpstream(
            url=(urls or {}).get(name, f"http://127.0.0.1:{recorders[name].port}"), limits=limits, clock=clock
        )
        for name in UPSTREAMS
    }
    plane = DataPlane(
        table=lambda: table,
        resolver=resolver(look_up_session),
        tokens=UpstreamTokens(minter=minter()),
        upstreams=upstreams,
        visitors=VISITORS,
        positions=POSITIONS,
        shadow=shadow,
        tally=Tally(),
        options=Options(
            deadline=deadline,
            patience=patience,
            body_max=body_max,
            trust_forwarded=False,
            access_log=False,
            secure_cookies=False,
        ),
    )
    try:
        yield Front(plane, recorders, upstreams)  # type: ignore[arg-type]
    finally:
        for upstream in upstreams.values():
            await upstream.close()
        for server in servers:
            server.close()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
