from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gateway.accounts import identity
from gateway.accounts.models import User
from tests.unit.gateway.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEW = {"name": "Grace", "email": "grace@example.com", "password": "not so easily guessed"}


def log_in(client: Client, **changes: str):
    data = {"email": "ada@example.com", "password": PASSWORD, **changes}
    return client.post(reverse("accounts:login"), data)


def errors(answer) -> dict[str, list[str]]:
    return {name: list(said) for name, said in answer.context["form"].errors.items()}


def test_registering_opens_an_account_and_logs_in(client):
    answer = client.post(reverse("accounts:register"), {**NEW, "next": "/checkout"})
    assert (answer.status_code, answer["Location"]) == (303, "/checkout")
    user = User.objects.get()
    assert (user.email, user.name, user.is_staff) == ("grace@example.com", "Grace", False)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_registering_needs_everything(client):
    answer = client.post(reverse("accounts:register"), {})
    assert answer.status_code == 422
    assert errors(answer) == {
        "name": ["Enter your name."],
        "email": ["Enter your e-mail address."],
        "password": ["Enter a password."],
    }


@pytest.mark.parametrize("password", ["short", "password123", "83726451908", "grace@example.com"])
def test_a_weak_password_is_refused_with_the_reason(client, password):
    answer = client.post(reverse("accounts:register"), {**NEW, "password": password})
    assert answer.status_code == 422
    assert list(errors(answer)) == ["password"]
    assert not User.objects.exists()


def test_an_address_can_be_registered_once_whatever_its_case(client, ada):
    answer = client.post(reverse("accounts:register"), {**NEW, "email": "ADA@example.com"})
    assert errors(answer) == {"email": ["There is an account with this address already. Log in instead."]}


def test_of_two_who_register_at_once_one_is_told_so(client, ada, monkeypatch):
    monkeypatch.setattr("gateway.accounts.forms.RegisterForm.clean_email", lambda form: form.cleaned_data["email"])
    answer = client.post(reverse("accounts:register"), {**NEW, "email": "ADA@example.com"})
    assert (answer.status_code, list(errors(answer))) == (422, ["email"])


def test_logging_in_gives_the_session_another_key_and_keeps_the_cart(client, ada):
    session = client.session
    session["cart"] = {"LAMP-1": 2}
    session.save()
    before = client.cookies["tc_session"].value
    assert log_in(client).status_code == 303
    assert client.cookies["tc_session"].value != before
    assert client.session["cart"] == {"LAMP-1": 2}


def test_the_cart_of_one_customer_is_not_the_next_ones(client, ada):
    User.objects.create_user("bob@example.com", PASSWORD)
    log_in(client)
    session = client.session
    session["cart"] = {"LAMP-1": 2}
    session.save()
    log_in(client, email="bob@example.com")
    assert "cart" not in client.session


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"email": "nobody@example.com"}])
def test_what_is_wrong_about_a_login_is_not_said(client, ada, changes):
    answer = log_in(client, **changes)
    assert answer.status_code == 422
    assert errors(answer) == {"__all__": ["The e-mail address or the password is wrong."]}


def test_an_account_that_is_switched_off_is_no_account(client, ada):
    User.objects.update(is_active=False)
    assert log_in(client).status_code == 422


def test_an_address_that_nobody_has_costs_a_hash_as_well(client, ada, monkeypatch):
    hashed = []
    real = User.set_password

    def recording(user, raw):
        hashed.append(raw)
        real(user, raw)

    monkeypatch.setattr(User, "set_password", recording)
    log_in(client, email="nobody@example.com")
    assert hashed == [PASSWORD]


def test_too_many_failures_are_answered_with_when_to_try_again(client, ada):
    for _ in range(10):
        log_in(client, password="wrong")
    answer = log_in(client)
    assert answer.status_code == 429
    assert errors(answer)["__all__"][0].startswith("Too many failed attempts. Try again in 15 minutes")


@pytest.mark.parametrize("there", ["/checkout", "/my/orders?page=2"])
def test_it_goes_on_to_where_one_wanted_to_go(client, ada, there):
    assert log_in(client, next=there)["Location"] == there


@pytest.mark.parametrize(
    "there",
    ["https://evil.test/", "//evil.test", "///evil.test", "javascript:alert(1)", "http:evil.test", "\\\\evil.test", ""],
)
def test_it_goes_nowhere_else(client, ada, there):
    assert log_in(client, next=there)["Location"] == "/"


def test_the_form_carries_where_one_wanted_to_go(client):
    assert client.get(reverse("accounts:login") + "?next=/checkout").context["next"] == "/checkout"
    assert client.get(reverse("accounts:login") + "?next=//evil.test").context["next"] == ""


def test_logging_out_takes_a_post(client, ada):
    log_in(client)
    assert client.get(reverse("accounts:logout")).status_code == 405
    assert client.post(reverse("accounts:logout")).status_code == 303
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("name", ["login", "logout", "register"])
def test_forms_of_other_sites_are_refused(ada, name):
    answer = Client(enforce_csrf_checks=True).post(reverse(f"accounts:{name}"), {"email": "ada@example.com"})
    assert answer.status_code == 403


def test_the_profile_is_for_those_who_are_logged_in(client, ada):
    assert client.get(reverse("accounts:profile"))["Location"] == "/account/login?next=/account/profile"
    log_in(client)
    assert client.post(reverse("accounts:profile"), {"name": "Ada King", "email": "x@example.com"}).status_code == 303
    ada.refresh_from_db()
    assert (ada.name, ada.email) == ("Ada King", "Ada@example.com")


def test_pages_about_passwords_are_not_kept(client):
    assert "no-store" in client.get(reverse("accounts:login"))["Cache-Control"]


def test_a_login_costs_few_queries(client, ada, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        log_in(client)


def test_a_session_is_told_by_its_key(client, ada):
    log_in(client)
    key = client.cookies["tc_session"].value
    found = identity.principal_of_session(key)
    assert found == identity.principal_of(ada)
    assert identity.principal_of_session("k" * 32) is None


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "changed since"}])
def test_a_session_is_nobodys_once_the_account_has_changed(client, ada, change):
    log_in(client)
    User.objects.update(**change)
    assert identity.principal_of_session(client.cookies["tc_session"].value) is None


def test_a_session_costs_two_queries(client, ada, django_assert_num_queries):
    log_in(client)
    with django_assert_num_queries(2):
        identity.principal_of_session(client.cookies["tc_session"].value)
