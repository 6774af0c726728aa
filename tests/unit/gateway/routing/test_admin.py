from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from gateway.accounts.models import User
from gateway.routing.models import Toggle

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> User:
    user = User.objects.create_superuser("ops@example.com", "a long enough password")
    client.force_login(user)
    return user


def change_url() -> str:
    return reverse("admin:routing_toggle_change", args=[Toggle.objects.get(capability="products").pk])


def test_an_operator_moves_a_capability_with_a_reason(client, operator):
    answer = client.post(change_url(), {"side": "service", "reason": "pilot"})
    assert answer.status_code == 302
    toggle = Toggle.objects.get(capability="products")
    assert (toggle.side, toggle.updated_by, toggle.reason) == ("service", "ops@example.com", "pilot")
    assert LogEntry.objects.get().change_message == "monolith → service: pilot"


@pytest.mark.parametrize(
    "data", [{"side": "service"}, {"side": "service", "reason": "  "}, {"side": "moon", "reason": "x"}]
)
def test_nothing_moves_without_a_reason_or_to_nowhere(client, operator, data):
    assert client.post(change_url(), data).status_code == 200
    assert Toggle.objects.get(capability="products").side == "monolith"


def test_a_posted_capability_is_ignored(client, operator):
    client.post(change_url(), {"side": "service", "reason": "pilot", "capability": "orders"})
    assert dict(Toggle.objects.values_list("capability", "side")) == {"products": "service", "orders": "monolith"}


def test_the_last_reason_is_shown_and_not_offered_again(client, operator):
    client.post(change_url(), {"side": "service", "reason": "because of the pilot"})
    page = client.get(change_url())
    assert b"because of the pilot" in page.content
    assert page.context["adminform"].form["reason"].value() == ""


def test_toggles_are_neither_added_nor_deleted(client, operator):
    assert client.get(reverse("admin:routing_toggle_add")).status_code == 403
    toggle = Toggle.objects.get(capability="orders")
    assert client.post(reverse("admin:routing_toggle_delete", args=[toggle.pk]), {"post": "yes"}).status_code == 403
    listed = client.post(
        reverse("admin:routing_toggle_changelist"), {"action": "delete_selected", "_selected_action": [toggle.pk]}
    )
    assert Toggle.objects.count() == 2, listed


def test_the_pages_say_which_revision_is_live(client, operator):
    for url in (reverse("admin:index"), reverse("admin:routing_toggle_changelist"), change_url()):
        assert b"Revision " in client.get(url).content


def test_the_overview_says_who_answers(client, operator):
    client.post(change_url(), {"side": "service", "reason": "pilot"})
    routes = client.get(reverse("admin:index")).context["routes"]
    assert [(route.toggle.capability, route.toggle.side) for route in routes] == [
        ("products", "service"),
        ("orders", "monolith"),
    ]


def test_staff_without_the_permission_neither_see_nor_move_anything(client):
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    client.force_login(user)
    assert b"Where traffic goes" not in client.get(reverse("admin:index")).content
    assert client.post(change_url(), {"side": "service", "reason": "x"}).status_code == 403


def test_staff_who_may_look_may_not_move(client):
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_toggle"))
    client.force_login(user)
    assert client.get(change_url()).status_code == 200
    assert client.post(change_url(), {"side": "service", "reason": "x"}).status_code == 403


def test_customers_do_not_get_in(client):
    client.force_login(User.objects.create_user("ada@example.com", "a long enough password"))
    assert client.get(reverse("admin:index")).status_code == 302


def test_guessing_at_the_admins_door_is_slowed_down_too(client):
    User.objects.create_superuser("ops@example.com", "a long enough password")
    for _ in range(10):
        client.post(reverse("admin:login"), {"username": "ops@example.com", "password": "wrong"})
    answer = client.post(reverse("admin:login"), {"username": "ops@example.com", "password": "a long enough password"})
    assert answer.status_code == 200
    assert b"Too many failed attempts" in answer.content
