from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import Client

from gateway import tokens
from gateway.accounts.models import User
from services.chassis.identity import Verifier
from tests.unit.gateway.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def ask(body: object, **arguments):
    raw = body if isinstance(body, bytes) else json.dumps(body)
    arguments = {"content_type": "application/json", **arguments}
    return Client(enforce_csrf_checks=True).post("/account/token", raw, **arguments)


def slug(answer) -> str:
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return str(answer.json()["type"]).removeprefix("/problems/")


def verified(token: str):
    return Verifier.from_file(
        audience="gateway", path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=frozenset({"gateway"})
    ).verify(token)


def test_it_gives_a_token_that_the_gateway_believes(ada):
    answer = ask({"email": "ADA@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    said = answer.json()
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 3600)
    principal = verified(said["access_token"]).principal
    assert (principal.subject, principal.kind, principal.scopes) == (str(ada.pk), "customer", {"orders"})
    times = tokens.validity(said["access_token"])
    assert times.expires_at - times.issued_at == 3600


def test_staff_get_what_staff_may(ada):
    User.objects.update(is_staff=True)
    principal = verified(ask({"email": "ada@example.com", "password": PASSWORD}).json()["access_token"]).principal
    assert (principal.kind, principal.scopes) == ("staff", {"orders", "products:write", "orders:operate"})


def test_wrong_credentials_are_401(ada):
    answer = ask({"email": "ada@example.com", "password": "wrong"})
    assert (answer.status_code, slug(answer)) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("/email", "required"), ("/password", "required")]),
        ({"email": None, "password": ""}, [("/email", "null"), ("/password", "blank")]),
        ({"email": 7, "password": ["x"]}, [("/email", "invalid"), ("/password", "invalid")]),
        ({"email": "a\x00b", "password": "\ud800"}, [("/email", "invalid"), ("/password", "invalid")]),
        ({"email": "a" * 255, "password": "x" * 1025}, [("/email", "too_long"), ("/password", "too_long")]),
    ],
)
def test_what_cannot_be_used_is_named(body, errors):
    answer = ask(body)
    assert (answer.status_code, slug(answer)) == (422, "validation")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == errors


@pytest.mark.parametrize("body", [b" ", b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000])
def test_what_is_no_object_is_malformed(body):
    answer = ask(body)
    assert (answer.status_code, slug(answer)) == (400, "malformed")


def test_another_media_type_is_415():
    assert slug(ask({}, content_type="text/plain")) == "unsupported-media-type"


def test_a_huge_body_is_413():
    assert slug(ask(b" " * (1 << 20) + b"{}")) == "too-large"


def test_another_method_is_405():
    answer = Client().get("/account/token")
    assert (answer.status_code, slug(answer), answer["Allow"]) == (405, "method-not-allowed", "POST")


def test_guessing_is_slowed_down_together_with_the_page(ada):
    for _ in range(10):
        ask({"email": "ada@example.com", "password": "wrong"})
    answer = ask({"email": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 900
    page = Client().post("/account/login", {"email": "ada@example.com", "password": PASSWORD})
    assert page.status_code == 429


def test_behind_a_proxy_of_ours_guessing_is_counted_by_who_spoke_to_it(ada, settings):
    settings.TRUST_FORWARDED = True
    for number in range(10):
        ask(
            {"email": "ada@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.7"},
        )
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert ask(body, headers={"X-Forwarded-For": "1.1.1.1, 192.0.2.7"}).status_code == 429
    assert ask(body, headers={"X-Forwarded-For": "1.1.1.1, 192.0.2.8"}).status_code == 200
