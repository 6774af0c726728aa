"""What is ambiguous never reaches an upstream."""

import pytest

from tests.wire.conftest import Wire
from tests.wire.refused import CASES, Refused


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_ambiguous_request_goes_nowhere(wire: Wire, case: Refused) -> None:
    with wire.client() as client:
        client.send_meanwhile([case.sent])
        reply = client.read()
        assert reply.status in case.statuses, (reply, case.why)
        # No second answer, and nothing more to be said here.
        assert client.rest() == b""
    assert reply.interim == ()
    wire.require_untouched()
