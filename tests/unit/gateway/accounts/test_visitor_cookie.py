"""Every browser is a visitor, from its first page on."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from gateway.visitor import COOKIE, LIFETIME, Visitors

pytestmark = pytest.mark.django_db


def read(value: str) -> str | None:
    return Visitors(secret=settings.SECRET_KEY).read(value)


def test_a_page_gives_it_once(client):
    page = client.get(reverse("accounts:login"))
    cookie = page.cookies[COOKIE]
    assert read(cookie.value)
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (True, "Lax", LIFETIME, "/")
    assert "Cookie" in page.headers["Vary"]
    assert COOKIE not in client.get(reverse("accounts:login")).cookies


def test_a_forged_one_is_replaced(client):
    client.cookies[COOKIE] = "a" * 16 + "." + "b" * 22
    assert read(client.get(reverse("accounts:login")).cookies[COOKIE].value)


def test_logging_in_and_out_keeps_it(client, django_user_model):
    django_user_model.objects.create_user("ada@example.com", "a long enough password")
    client.get(reverse("accounts:login"))
    before = client.cookies[COOKIE].value
    said = {"username": "ada@example.com", "email": "ada@example.com", "password": "a long enough password"}
    assert client.post(reverse("accounts:login"), said).status_code == 303
    assert client.post(reverse("accounts:logout")).status_code in {302, 303}
    assert client.cookies[COOKIE].value == before


@pytest.mark.parametrize("path", ["/metrics", "/admin/login/", "/static/storefront/storefront.css"])
def test_what_is_no_page_of_the_shop_gives_none(client, path):
    answer = client.get(path)
    answer.close()
    assert COOKIE not in answer.cookies


def test_a_picture_that_caches_may_keep_gives_none(client):
    picture = client.get(reverse("storefront:picture", args=["ABC"]))
    assert "public" in picture.headers["Cache-Control"]
    assert COOKIE not in picture.cookies


def test_the_token_endpoint_gives_none(client):
    assert COOKIE not in client.post("/account/token", {"email": "x"}, content_type="application/json").cookies
