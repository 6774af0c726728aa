"""One real gateway between raw clients and a recording upstream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from services.local.stack import SERVICES, Stack
from tests.wire.build import get
from tests.wire.client import Client, Reply
from tests.wire.upstream import CANARY, COMPONENTS, Answer, Received, Upstream

_SPAN = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
OURS = frozenset(
    {
        b"content-length",
        b"forwarded",
        b"host",
        b"traceparent",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
        b"x-request-timeout-ms",
    }
)
"""What the gateway says to upstreams itself, whatever clients say."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The gateway's port and what is behind it."""

    stack: Stack
    upstream: Upstream

    def begin(self, *answers: Answer, numbered: bool = False, everywhere: bool = False) -> None:
        """Begin a case: see `Upstream.begin`."""
        self.upstream.begin(*answers, numbered=numbered, everywhere=everywhere)

    def client(self) -> Client:
        """Return a new connection to the gateway."""
        return Client(self.stack.ports["gateway"])

    def exchange(self, data: bytes, method: bytes = b"GET") -> Reply:
        """Send on a connection of its own and return the answer."""
        with self.client() as client:
            client.send(data)
            return client.read(method)

    def processes(self) -> set[int]:
        """Return the process ids of master and worker."""
        master = self.stack.process_id("gateway")
        assert master is not None
        return {master, *(child.pid for child in psutil.Process(master).children())}

    def require_serving(self) -> None:
        """Assert that the gateway forwards the next client's request as if nothing had been."""
        reply = self.exchange(get(b"Connection: close", target=CANARY))
        assert (reply.status, reply.body) == (200, b"canary")

    def require_open(self, client: Client) -> None:
        """Assert that the connection is good for another request, and that nothing was left on it."""
        client.send(get(b"Connection: close", target=CANARY))
        reply = client.read()
        assert (reply.status, reply.body, client.rest()) == (200, b"canary", b"")

    def require_untouched(self) -> None:
        """Assert that no byte has reached an upstream since the case began."""
        # Whatever the gateway was about to send would have gone before the canary's answer.
        self.require_serving()
        assert self.upstream.bytes_received == b""
        assert not self.upstream.malformed

    def received(self) -> Received:
        """Return the one request that reached an upstream, framed and signed as the gateway's requests are."""
        assert not self.upstream.malformed
        [received] = self.upstream.requests
        self.require_ours(received)
        return received

    def require_ours(self, received: Received) -> None:
        """Assert what holds for every forwarded request."""
        head, connection = received.request.head, received.connection
        assert head.single(b"host") == self.upstream.host(connection.component)
        assert _SPAN.fullmatch(head.single(b"traceparent"))
        assert head.single(b"via").endswith(b"1.1 techcommerce-gateway")
        assert head.single(b"x-forwarded-for") == b"127.0.0.1"
        assert head.single(b"x-forwarded-proto") == b"http"
        assert head.single(b"x-request-timeout-ms").isdigit()
        for name in (b"x-request-id", b"forwarded", b"x-forwarded-host"):
            assert len(head.values(name)) == 1
        assert not head.values(b"transfer-encoding")
        framed = received.request.body or received.request.method in {b"POST", b"PUT", b"PATCH"}
        assert head.values(b"content-length") == ([b"%d" % len(received.request.body)] if framed else [])

    def passed_on(self, received: Received) -> list[tuple[bytes, bytes]]:
        """Return the fields that came from the client, in order, without those that only frame this hop."""
        return [one for one in received.request.head.fields if one[0] not in OURS and one[0] != b"connection"]


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One worker, so that what one case leaves behind meets the next."""
    with Upstream() as upstream:
        extra = {f"{name.upper()}_URL": f"http://{upstream.host(name).decode()}" for name in COMPONENTS}
        # What an upstream leaves unsaid is found out within a test's patience.
        extra |= {"GATEWAY_WORKERS": "1", "GATEWAY_READ_TIMEOUT": "10", "GATEWAY_ACCESS_LOG": "false"}
        only = [service for service in SERVICES if service.component == "gateway"]
        home = tmp_path_factory.mktemp("wire")
        with Stack(home=home, services=only, first_data=(), extra=extra) as stack:
            yield Wire(stack, upstream)


@pytest.fixture
def wire(gateway: Wire) -> Iterator[Wire]:
    """A gateway with nothing left of the case before, and still the same processes afterwards."""
    gateway.begin()
    before = gateway.processes()
    yield gateway
    gateway.begin()
    # Some that go well, so that no case's upstream is given up because of the cases before.
    for _ in range(3):
        gateway.require_serving()
    assert gateway.processes() == before
