from __future__ import annotations

import asyncio
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.proxy import headers as fields
from gateway.proxy.identity import SERVICE_SCOPES, SessionsAway, UpstreamTokens, same_origin
from services.chassis.identity import Minter, Principal, Verifier
from services.chassis.problems import Problem
from tests.unit.gateway.proxy.support import CUSTOMER, PUBLIC, access_token, cookie, minter, resolver

STAFF = Principal(subject="s-1", kind="staff", scopes=frozenset({"orders:operate"}))
SAME = (b"sec-fetch-site", b"same-origin")


def resolve(headers, method="GET", **arguments):
    return asyncio.run(resolver(**arguments).resolve(method, fields.sort(headers))).principal


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + token.encode())]


def test_a_token_of_ours_is_believed_with_its_scopes():
    assert resolve(bearer(access_token(STAFF))) == STAFF


def test_nothing_said_is_nobody():
    assert resolve([]) is None
    assert resolve([(b"cookie", b"a=1")]) is None


@pytest.mark.parametrize("component", sorted(SERVICE_SCOPES))
def test_what_a_component_may_do_is_the_gateways_to_say(component):
    greedy = Principal(subject="root", kind="service", scopes=frozenset({"products:write", "orders:operate"}))
    found = resolve(bearer(minter(component).mint(greedy, audience="gateway")))
    assert found == Principal(subject=f"service:{component}", kind="service", scopes=SERVICE_SCOPES[component])


def stranger(name: str = "gateway") -> Minter:
    return Minter(issuer=name, key=Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(b"Bearer " + stranger().mint(CUSTOMER, audience="gateway").encode(), id="forged"),
        pytest.param(b"Bearer " + access_token(lifetime=-10).encode(), id="expired"),
        pytest.param(b"Bearer " + minter().mint(CUSTOMER, audience="orders").encode(), id="meant for another"),
        pytest.param(b"Bearer " + cookie().encode(), id="the cookie's token"),
        pytest.param(b"Bearer " + minter("orders").mint(STAFF, audience="gateway").encode(), id="a component as staff"),
        pytest.param(
            b"Bearer " + minter().mint(Principal(subject="x", kind="service"), audience="gateway").encode(),
            id="the gateway as a service",
        ),
        pytest.param(
            b"Bearer " + jwt.encode({"sub": "x"}, "k" * 32, algorithm="HS256").encode(), id="another algorithm"
        ),
        pytest.param(b"Bearer \xff\xfe", id="no text"),
        pytest.param(b"Bearer ", id="no token"),
        pytest.param(b"", id="empty"),
        pytest.param(b"Basic YTpi", id="another scheme"),
    ],
)
def test_what_cannot_be_believed_is_refused_whatever_cookies_say(authorization):
    headers = [(b"authorization", authorization), (b"cookie", b"tc_identity=" + cookie().encode())]
    with pytest.raises(Problem) as refused:
        resolve(headers)
    assert refused.value.kind.slug == "token-invalid"


def test_two_authorizations_are_one_too_many():
    with pytest.raises(Problem):
        resolve(bearer(access_token()) * 2)


def test_a_believed_token_is_believed_no_longer_than_it_says():
    now = [0.0]

    async def scenario() -> None:
        known = resolver(clock=lambda: now[0])
        token = access_token(lifetime=-4)  # Within the leeway, and no longer soon.
        now[0] = float(jwt.decode(token, options={"verify_signature": False})["exp"])
        assert (await known.resolve("GET", fields.sort(bearer(token)))).principal == CUSTOMER
        now[0] += 6
        known._bearer_tokens = Verifier(audience="gateway", keys={})
        with pytest.raises(Problem):
            await known.resolve("GET", fields.sort(bearer(token)))

    asyncio.run(scenario())


def test_the_identity_cookie_is_believed():
    assert resolve([(b"cookie", b"a=1; tc_identity=" + cookie().encode())]) == CUSTOMER


@pytest.mark.parametrize(
    "value",
    [
        access_token(),
        stranger().mint(CUSTOMER, audience="gateway-cookie"),
        "x",
        "",
        minter("orders").mint(CUSTOMER, audience="gateway-cookie"),
    ],
)
def test_a_cookie_that_cannot_be_believed_is_nobody(value):
    assert resolve([(b"cookie", b"tc_identity=" + value.encode())]) is None


def test_a_session_is_looked_up_once_where_the_identity_cookie_has_run_out():
    asked: list[str] = []

    async def look_up(key: str) -> Principal | None:
        asked.append(key)
        return STAFF

    async def scenario() -> None:
        known = resolver(look_up)
        headers = [(b"cookie", b"tc_identity=old; tc_session=" + b"k" * 32)]
        assert [(await known.resolve("GET", fields.sort(headers))).principal for _ in range(3)] == [STAFF] * 3

    asyncio.run(scenario())
    assert asked == ["k" * 32]


def test_an_odd_session_key_is_not_looked_up():
    async def look_up(key: str) -> Principal | None:
        raise AssertionError(key)

    assert resolve([(b"cookie", b"tc_session=../../x\x00yyyyyyyy")], look_up_session=look_up) is None


def test_it_says_so_when_sessions_cannot_be_looked_up():
    async def look_up(key: str) -> Principal | None:
        raise SessionsAway

    with pytest.raises(SessionsAway):
        resolve([(b"cookie", b"tc_session=" + b"k" * 32)], look_up_session=look_up)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ([SAME], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"cross-site"), (b"origin", b"http://shop.test")], False),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([SAME, (b"sec-fetch-site", b"cross-site")], False),
        ([(b"origin", b"http://shop.test")], True),
        ([(b"origin", b"https://SHOP.test")], True),
        ([(b"origin", b"http://shop.test.evil.test")], False),
        ([(b"origin", b"http://shop.test:8080")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"http://[")], False),
        ([(b"referer", b"http://shop.test/")], False),
        ([], False),
    ],
)
def test_only_a_browser_can_vouch_for_the_shops_own_pages(headers, ours):
    assert same_origin(fields.sort([(b"host", b"shop.test"), *headers])) is ours


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT", "BREW"])
def test_cookies_are_good_for_writing_from_our_own_pages_only(method):
    sent = [(b"host", b"shop.test"), (b"cookie", b"tc_identity=" + cookie().encode())]
    with pytest.raises(Problem) as refused:
        resolve(sent, method)
    assert refused.value.kind.slug == "forbidden"
    assert resolve([*sent, SAME], method) == CUSTOMER
    assert resolve(sent, "GET") == CUSTOMER


def test_an_upstreams_token_says_who_where_and_who_owns_what():
    made = UpstreamTokens(minter=minter())
    token = made.token(CUSTOMER, audience="orders", owners={"products": "monolith", "orders": "service"})
    told = Verifier(audience="orders", keys={"gateway": PUBLIC["gateway"]}).verify(token).principal
    assert (told.subject, told.kind, told.scopes) == (CUSTOMER.subject, CUSTOMER.kind, CUSTOMER.scopes)
    assert told.owners == {"products": "monolith", "orders": "service"}


def test_a_minted_token_serves_again_but_not_for_another_nor_for_its_whole_life():
    now = [1_000_000.0]
    made = UpstreamTokens(
        minter=Minter(issuer="gateway", key=Ed25519PrivateKey.generate(), clock=lambda: now[0]), clock=lambda: now[0]
    )
    owners = {"products": "monolith", "orders": "service"}

    def token(principal=CUSTOMER, audience="orders", owners=owners):
        return made.token(principal, audience=audience, owners=owners)

    first = token()
    now[0] += 29
    assert token() == first
    others = {token(STAFF), token(audience="legacy"), token(owners={**owners, "orders": "monolith"})}
    assert len(others | {first}) == 4
    now[0] += 1
    assert token() != first
    claims = json.loads(json.dumps(jwt.decode(token(), options={"verify_signature": False})))
    assert claims["exp"] == now[0] + 60
