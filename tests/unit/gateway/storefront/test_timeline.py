from __future__ import annotations

import pytest

from gateway.storefront.shapes import Order
from gateway.storefront.timeline import timeline
from tests.unit.gateway.storefront.fake import furnished


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (("placed",), "PLACED paid? shipped? delivered?"),
        (("placed", "paid", "shipped"), "placed paid SHIPPED delivered?"),
        (("placed", "paid", "shipped", "delivered"), "placed paid shipped DELIVERED"),
        (("placed", "cancelled"), "placed CANCELLED"),
        (("placed", "paid", "shipped", "delivered", "refunded"), "placed paid shipped delivered REFUNDED"),
    ],
)
def test_it_tells_what_was_reached_and_what_is_ahead(statuses, told):
    order = Order.read(furnished().order("1", [("AUD-100", 1)], statuses=statuses))
    words = [
        step.status.upper() if step.current else f"{step.status}?" if step.at is None else step.status
        for step in timeline(order)
    ]
    assert " ".join(words) == told
