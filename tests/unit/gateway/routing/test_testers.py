"""The page on which operators get a side of their own choice."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from gateway.accounts.models import User
from gateway.override import COOKIE, HEADER, Overrides

pytestmark = pytest.mark.django_db

CHOSEN = {"products": "service", "orders": "", "hours": "8", "reason": "look at the prices"}


@pytest.fixture
def url() -> str:
    return reverse("admin:routing_toggle_test")


@pytest.fixture
def tester(client: Client) -> User:
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["test_sides", "view_toggle"]))
    client.force_login(user)
    return user


def test_a_tester_gets_a_cookie_and_sees_the_token_once(client, tester, url):
    page = client.post(url, CHOSEN)
    cookie = page.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 8 * 3600)
    assert f"{HEADER}: {cookie.value}" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    grant = Overrides.from_file(settings.IDENTITY_PUBLIC_KEYS_FILE).grant(cookie.value)
    assert grant is not None
    assert (dict(grant.sides), grant.by) == ({"products": "service"}, "staff@example.com")
    assert abs(grant.expires_at - time.time() - 8 * 3600) < 120
    assert cookie.value not in client.get(url).content.decode()


def test_it_is_written_down(client, tester, url):
    client.post(url, CHOSEN)
    entry = LogEntry.objects.get()
    assert entry.user == tester
    assert entry.change_message == "Override for 8 h, products → service: look at the prices"


def test_the_overview_says_that_it_is_on_until_it_is_dropped(client, tester, url):
    overview = reverse("admin:index")
    assert "This browser tests" not in client.get(overview).content.decode()
    client.post(url, CHOSEN)
    assert "This browser tests <strong>products → service</strong>" in client.get(overview).content.decode()
    dropped = client.post(url, {"drop": "1"})
    assert (dropped.status_code, dropped.cookies[COOKIE].value) == (302, "")
    assert "This browser tests" not in client.get(overview).content.decode()


@pytest.mark.parametrize(
    "wrong", [{"products": ""}, {"products": "moon"}, {"hours": "9"}, {"hours": ""}, {"reason": " "}]
)
def test_nothing_is_given_without_a_side_a_time_and_a_reason(client, tester, url, wrong):
    page = client.post(url, {**CHOSEN, **wrong})
    assert page.status_code == 200
    assert COOKIE not in page.cookies
    assert not LogEntry.objects.exists()


def test_a_made_up_cookie_is_not_active(client, tester):
    client.cookies[COOKIE] = "products=service"
    assert "This browser tests" not in client.get(reverse("admin:index")).content.decode()


def test_staff_without_the_permission_get_none(client, url):
    client.force_login(User.objects.create_user("staff@example.com", "a long enough password", is_staff=True))
    assert client.get(url).status_code == 403
    page = client.post(url, CHOSEN)
    assert (page.status_code, COOKIE in page.cookies) == (403, False)


def test_customers_get_none(client, url):
    client.force_login(User.objects.create_user("ada@example.com", "a long enough password"))
    assert client.post(url, CHOSEN).status_code == 302
    assert COOKIE not in client.cookies
