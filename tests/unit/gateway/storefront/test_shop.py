"""What the client makes of the API's answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from gateway.storefront.shapes import Address
from gateway.storefront.shop import (
    AddressRefused,
    CannotCancel,
    NoSuchPage,
    OutOfStock,
    Shop,
    ShopUnavailable,
    UnknownProducts,
    pooled,
)
from services.chassis import trace
from services.chassis.identity import Principal
from tests.unit.gateway.storefront.fake import ADDRESS, FakeShop


def client_of(shop: FakeShop, principal: Principal | None = None, handler: Any = None) -> Shop:
    http = pooled(url="http://gateway.test", transport=httpx.MockTransport(handler or shop.handle))
    return Shop(http=http, minter=shop.minter, principal=principal)


def customer(subject: str = "1") -> Principal:
    return Principal(subject, "customer", frozenset({"orders"}))


def test_products_come_as_values(shop):
    page = client_of(shop).products({"category": "audio", "ordering": "price"})
    assert [product.price for product in page.results] == [Decimal("39.50"), Decimal("74.95"), Decimal("129.00")]
    assert page.results[0].category and page.results[0].category.name == "Audio"
    assert (page.count, page.number, page.pages) == (3, 1, 1)


def test_a_page_past_the_last_is_said_to_be_one(shop):
    with pytest.raises(NoSuchPage):
        client_of(shop).products({"page": "9"})


def test_no_skus_are_no_request(shop):
    assert client_of(shop).products_by_sku([]) == {}
    assert shop.requests == []


def test_what_is_not_there_is_none(shop):
    assert client_of(shop).product("NOPE") is None
    assert client_of(shop, customer()).order("TC-NOPE") is None
    assert client_of(shop, customer()).cancel("TC-NOPE") is None


def test_nobody_sends_no_token_and_a_shopper_sends_their_own(shop):
    client_of(shop).categories()
    assert "Authorization" not in shop.requests[-1].headers
    client_of(shop, customer("7")).orders()
    assert shop.requests[-1].headers["Authorization"].startswith("Bearer ")


def test_the_trace_goes_on(shop):
    here = trace.continued(traceparent=None, request_id="abc")
    token = trace.CURRENT.set(here)
    try:
        client_of(shop).categories()
    finally:
        trace.CURRENT.reset(token)
    assert shop.requests[-1].headers["traceparent"] == here.traceparent
    assert shop.requests[-1].headers["X-Request-Id"] == "abc"


def test_cookies_of_one_shopper_never_go_out_with_anothers_request(shop):
    http = pooled(url="http://gateway.test", transport=httpx.MockTransport(shop.handle))
    for subject in ("1", "2"):
        Shop(http=http, minter=shop.minter, principal=customer(subject)).categories()
    assert len(shop.requests) == 2
    assert not any("Cookie" in request.headers for request in shop.requests)
    assert not http.cookies


def test_what_says_which_side_answers_goes_along(shop, client):
    client.cookies.load({"tc_visitor": "v.s", "tc_route": "a.b.c", "tc_session": "secret", "theme": "dark"})
    client.get("/")
    assert {request.headers["Cookie"] for request in shop.requests} != {"tc_visitor=v.s; tc_route=a.b.c"}
    own = client.cookies["tc_visitor"].value
    assert {request.headers["Cookie"] for request in shop.requests} == {f"tc_visitor={own}; tc_route=a.b.c"}
    shop.requests.clear()
    client.get("/")
    assert {request.headers["Cookie"] for request in shop.requests} == {f"tc_visitor={own}; tc_route=a.b.c"}


def test_how_far_a_write_has_come_goes_along_with_the_reads_after_it(shop):
    kept: list[str] = []
    http = pooled(url="http://gateway.test", transport=httpx.MockTransport(shop.handle))
    client = Shop(http=http, minter=shop.minter, principal=customer(), cookies={"tc_visitor": "v.s"}, keep=kept.append)
    shop.reached = ["orders.monolith.3.1.sig", "orders.service.4.1.sig"]
    order = client.place(key="a", lines={"AUD-110": 1}, ship_to=Address(**ADDRESS))
    client.order(order.number)
    client.cancel(order.number)
    client.orders()
    assert kept == ["orders.monolith.3.1.sig", "orders.service.4.1.sig"]
    assert [request.headers["Cookie"] for request in shop.requests] == [
        "tc_visitor=v.s",
        "tc_visitor=v.s; tc_position=orders.monolith.3.1.sig",
        "tc_visitor=v.s; tc_position=orders.monolith.3.1.sig",
        "tc_visitor=v.s; tc_position=orders.service.4.1.sig",
    ]
    assert not http.cookies


@pytest.mark.parametrize("value", ["", "a b", 'a"', "a" * 1025])
def test_an_odd_position_is_not_kept(shop, value):
    kept: list[str] = []
    shop.reached = [value]
    http = pooled(url="http://gateway.test", transport=httpx.MockTransport(shop.handle))
    client = Shop(http=http, minter=shop.minter, principal=customer(), keep=kept.append)
    client.place(key="a", lines={"AUD-110": 1}, ship_to=Address(**ADDRESS))
    assert kept == []


def test_no_cookie_breaks_out_of_its_place(shop, client):
    client.cookies["tc_route"] = "a; tc_visitor=b"
    client.get("/")
    assert not any("tc_route" in request.headers["Cookie"] for request in shop.requests)


def test_refusals_say_what_a_shopper_can_do_about_them(shop):
    client = client_of(shop, customer())
    address = Address(**ADDRESS)
    with pytest.raises(OutOfStock) as short:
        client.place(key="a", lines={"AUD-110": 4}, ship_to=address)
    assert [(s.sku, s.requested, s.available) for s in short.value.shortfalls] == [("AUD-110", 4, 3)]
    with pytest.raises(UnknownProducts):
        client.place(key="a", lines={"NOPE": 1}, ship_to=address)
    with pytest.raises(AddressRefused) as refused:
        client.place(key="a", lines={"AUD-110": 1}, ship_to=Address(**{**ADDRESS, "city": "nowhere"}))
    assert refused.value.errors == {"city": "Not a valid value."}


def test_an_order_on_its_way_cannot_be_cancelled(shop):
    order = shop.order("1", [("AUD-100", 1)], statuses=("placed", "paid", "shipped"))
    with pytest.raises(CannotCancel):
        client_of(shop, customer()).cancel(order["number"])


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="not json"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"results": [{}], "count": 1, "page": 1, "pages": 1}),
        httpx.Response(200, json={"results": [], "count": None, "page": 1, "pages": 1}),
        httpx.Response(302, headers={"Location": "http://elsewhere.test/"}),
        httpx.Response(401, json={"type": "/problems/token-invalid"}),
        httpx.Response(404, text="<html>"),
        httpx.Response(404, json={"type": "/problems/not-found"}),
        httpx.Response(422, json={"type": "/problems/validation", "errors": []}),
        httpx.Response(500, json={"type": "/problems/internal"}),
        httpx.Response(503, json={"type": "/problems/unavailable"}),
    ],
)
def test_an_answer_that_is_not_the_contracts_counts_as_none(shop, answer):
    client = client_of(shop, customer(), lambda request: answer)
    with pytest.raises(ShopUnavailable):
        client.products({})
    with pytest.raises(ShopUnavailable):
        client.place(key="k", lines={"A": 1}, ship_to=Address(**ADDRESS))


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.PoolTimeout])
def test_no_answer_is_a_shop_that_is_unavailable(shop, error):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("", request=request)

    with pytest.raises(ShopUnavailable):
        client_of(shop, handler=fail).product("A")
