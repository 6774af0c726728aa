from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from gateway import tokens
from gateway.accounts import identity
from gateway.accounts.models import User
from services.chassis.identity import Minter, Verifier
from tests.unit.gateway.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db
QUIET = "/metrics"
"""A page that does not ask who is there."""


def log_in(client: Client) -> HttpResponse:
    return client.post("/account/login", {"email": "ada@example.com", "password": PASSWORD})  # type: ignore[return-value]


def minted(user: User, *, age: float) -> str:
    past = Minter(
        issuer="gateway",
        key=Minter.from_file(issuer="gateway", path=settings.IDENTITY_KEY_FILE)._key,
        clock=lambda: time.time() - age,
    )
    return past.mint(identity.principal_of(user), audience=tokens.COOKIE_AUDIENCE, lifetime=tokens.COOKIE_LIFETIME)


def test_logging_in_sets_it_as_carefully_as_a_session(client, ada):
    cookie = log_in(client).cookies["tc_identity"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (True, "Lax", 900, "/")
    principal = (
        Verifier.from_file(
            audience="gateway-cookie", path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=frozenset({"gateway"})
        )
        .verify(cookie.value)
        .principal
    )
    assert principal == identity.principal_of(ada)


def test_outside_a_laptop_it_is_for_https_only(client, ada, settings):
    settings.SESSION_COOKIE_SECURE = True
    assert log_in(client).cookies["tc_identity"]["secure"] is True


def test_a_young_one_is_left_alone_at_no_cost(client, ada, django_assert_num_queries):
    log_in(client)
    with django_assert_num_queries(0):
        assert "tc_identity" not in client.get(QUIET).cookies


@pytest.mark.parametrize("age", [5 * 60 + 1, 16 * 60])
def test_an_old_one_is_renewed_on_any_page(client, ada, age):
    log_in(client)
    client.cookies["tc_identity"] = minted(ada, age=age)
    renewed = client.get(QUIET).cookies["tc_identity"].value
    assert tokens.validity(renewed).issued_at >= time.time() - 5


def test_one_of_four_minutes_stays(client, ada):
    log_in(client)
    client.cookies["tc_identity"] = minted(ada, age=4 * 60)
    assert "tc_identity" not in client.get("/account/profile").cookies


def test_logging_out_deletes_it(client, ada):
    log_in(client)
    assert client.post("/account/logout").cookies["tc_identity"]["max-age"] == 0


def test_one_of_somebody_else_is_replaced(client, ada):
    other = User.objects.create_user("bob@example.com", PASSWORD)
    log_in(client)
    client.cookies["tc_identity"] = minted(other, age=0)
    renewed = client.get("/account/profile").cookies["tc_identity"].value
    assert identity.cookie_serves(renewed, user=ada, now=time.time())


def test_becoming_staff_shows_at_once(client, ada):
    log_in(client)
    User.objects.update(is_staff=True)
    renewed = client.get("/account/profile").cookies["tc_identity"].value
    assert identity.cookie_serves(renewed, user=User.objects.get(), now=time.time())


def test_one_without_a_session_is_deleted_by_pages_that_ask(client, ada):
    client.cookies["tc_identity"] = minted(ada, age=0)
    assert client.get("/account/login").cookies["tc_identity"]["max-age"] == 0


def test_a_forged_one_is_deleted(client):
    client.cookies["tc_identity"] = "forged"
    assert client.get(QUIET).cookies["tc_identity"]["max-age"] == 0


def test_nobody_costs_nothing_and_gets_nothing(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get(QUIET)
    assert not answer.cookies
