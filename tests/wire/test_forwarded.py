"""What reaches the upstream of a request that is served, and what the client hears."""

import pytest

from tests.wire.conftest import Wire
from tests.wire.forwarded import CASES, Forwarded


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_reaches_the_upstream(wire: Wire, case: Forwarded) -> None:
    with wire.client() as client:
        client.send_meanwhile([case.sent])
        reply = client.read(case.method)
        assert (reply.status, reply.body, reply.whole) == (200, b"ok", True), case.why
        if case.after == "closed":
            assert client.rest() == b""
        elif case.after == "open":
            wire.require_open(client)
    received = wire.received()
    assert (received.request.method, received.request.target) == (case.method, case.target), case.why
    assert received.request.body == case.body
    assert wire.passed_on(received) == list(case.passed), case.why
