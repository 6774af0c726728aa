from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.accounts.models import User
from gateway.routing.models import Revision, Toggle, Worker
from gateway.routing.steering import Setting

pytestmark = pytest.mark.django_db

SERVICE = {"course": "service", "fallback": "on", "reason": "pilot"}


@pytest.fixture
def operator(client: Client) -> User:
    user = User.objects.create_superuser("ops@example.com", "a long enough password")
    client.force_login(user)
    return user


@pytest.fixture
def workers() -> Callable[..., None]:
    """Makes the workers that route by these revisions the only ones."""

    def made(*revisions: int) -> None:
        now = timezone.now()
        Worker.objects.all().delete()
        for pid, revision in enumerate(revisions):
            Worker.objects.create(
                id=str(pid), host="here", pid=pid, revision=revision, started_at=now, adopted_at=now, seen_at=now
            )

    return made


def change_url(capability: str = "products") -> str:
    return reverse("admin:routing_toggle_change", args=[Toggle.objects.get(capability=capability).pk])


def setting(capability: str = "products") -> Setting:
    return Setting.of(Toggle.objects.get(capability=capability))


def split(reads: object, writes: object, **more: object) -> dict[str, object]:
    return {"course": "split", "reads": reads, "writes": writes, "fallback": "on", "reason": "pilot", **more}


def test_an_operator_moves_a_capability_with_a_reason(client, operator):
    answer = client.post(change_url(), SERVICE)
    assert answer.status_code == 302
    assert setting() == Setting(reads=1024, writes=1024, shadow=0, fallback=True)
    toggle = Toggle.objects.get(capability="products")
    assert (toggle.updated_by, toggle.reason) == ("ops@example.com", "pilot")
    assert LogEntry.objects.get().change_message == "monolith → service: pilot"


def test_percentages_become_buckets(client, operator):
    client.post(change_url("orders"), split("25", "0.01", shadow="5"))
    assert setting("orders") == Setting(reads=256, writes=1, shadow=51, fallback=True)


def test_the_page_offers_what_holds(client, operator):
    client.post(change_url("orders"), split("25", "10", shadow="5"))
    form = client.get(change_url("orders")).context["adminform"].form
    assert [str(form[name].value()) for name in ("course", "reads", "writes", "shadow", "fallback")] == [
        "split",
        "25",
        "9.96",
        "4.98",
        "True",
    ]
    offered = {name: form[name].value() for name in ("course", "reads", "writes", "shadow")}
    before = setting("orders")
    client.post(change_url("orders"), {**offered, "fallback": "on", "reason": "nothing to change"})
    assert setting("orders") == before
    assert LogEntry.objects.filter(change_message__startswith="Left as it was (service for 25 % of reads").exists()


def test_a_whole_side_makes_percentages_moot(client, operator):
    client.post(change_url("orders"), split("25", "10"))
    client.post(change_url("orders"), {**split("25", "10"), "course": "monolith"})
    assert setting("orders") == Setting(reads=0, writes=0, shadow=0, fallback=True)


def test_the_fallback_can_be_switched_off(client, operator):
    client.post(change_url(), {"course": "monolith", "reason": "see it fail"})
    assert setting() == Setting(reads=0, writes=0, shadow=0, fallback=False)


@pytest.mark.parametrize(
    "data",
    [
        {"course": "service"},
        {"course": "service", "reason": "  "},
        {"course": "moon", "reason": "x"},
        split("101", "0"),
        split("-1", "0"),
        split("", "0"),
        split("25", ""),
        split("many", "0"),
        split("25", "50"),
        split("25", "0", shadow="200"),
    ],
)
def test_nothing_moves_without_a_reason_or_to_nowhere(client, operator, data):
    before = Revision.objects.get(id=1).number
    assert client.post(change_url(), data).status_code == 200
    assert Revision.objects.get(id=1).number == before


def test_a_posted_capability_or_salt_is_ignored(client, operator):
    before = Toggle.objects.get(capability="products").salt
    client.post(change_url(), {**SERVICE, "capability": "orders", "salt": "mine"})
    assert (setting().side, setting("orders").side) == ("service", "monolith")
    assert Toggle.objects.get(capability="products").salt == before


def test_the_last_reason_is_shown_and_not_offered_again(client, operator):
    client.post(change_url(), {**SERVICE, "reason": "because of the pilot"})
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
    number = Revision.objects.get(id=1).number
    for url in (reverse("admin:index"), reverse("admin:routing_toggle_changelist"), change_url()):
        assert f"Revision {number}: no worker" in client.get(url).content.decode()


def test_the_line_asks_again_until_everyone_is_there(client, operator, workers):
    number = Revision.objects.get(id=1).number
    url = reverse("admin:routing_toggle_adoption")
    workers(number, number - 1)
    page = client.get(url).content.decode()
    assert f"1 of 2 workers on revision {number}" in page
    assert "Not yet: here:1" in page
    assert "hx-get" in page
    workers(number, number)
    page = client.get(url).content.decode()
    assert f"2 of 2 workers on revision {number}" in page
    assert "hx-get" not in page


def test_the_overview_says_who_answers(client, operator):
    client.post(change_url(), SERVICE)
    client.post(change_url("orders"), split("25", "0"))
    page = client.get(reverse("admin:index"))
    assert [(route.toggle.capability, route.side) for route in page.context["routes"]] == [
        ("products", "service"),
        ("orders", None),
    ]
    assert "Reads: 75 % monolith, 25 % Order API" in page.content.decode()


def test_staff_without_the_permission_neither_see_nor_move_anything(client):
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    client.force_login(user)
    assert b"Where traffic goes" not in client.get(reverse("admin:index")).content
    assert client.get(reverse("admin:routing_toggle_adoption")).status_code == 403
    assert client.post(change_url(), SERVICE).status_code == 403


def test_staff_who_may_look_may_not_move(client):
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_toggle"))
    client.force_login(user)
    assert client.get(change_url()).status_code == 200
    assert client.post(change_url(), SERVICE).status_code == 403


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
