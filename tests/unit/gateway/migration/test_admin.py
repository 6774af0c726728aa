"""gateway.migration.admin"""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.accounts.models import User
from gateway.migration.models import Cutover, Reconciliation

pytestmark = pytest.mark.django_db

NAMES = ("cutover", "reconciliation")


@pytest.fixture
def rows() -> None:
    now = timezone.now()
    Cutover.objects.create(
        capability="orders",
        buckets=list(range(64)),
        source="monolith",
        target="service",
        epoch=2,
        state="abandoned",
        pause_ms=None,
        reason="<b>late</b>",
        started_at=now,
        changed_at=now,
    )
    Reconciliation.objects.create(capability="products", started_at=now, finished_at=now, rows=12345, differences=1)


@pytest.fixture
def operator(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ops@example.com", "a long enough password"))


def test_lists_what_was_recorded(client, operator, rows):
    moves = client.get(reverse("admin:migration_cutover_changelist")).content.decode()
    assert "Orders to the service" in moves and "64 buckets" in moves and "Abandoned" in moves
    assert "&lt;b&gt;late&lt;/b&gt;" in moves
    compared = client.get(reverse("admin:migration_reconciliation_changelist")).content.decode()
    assert "12,345" in compared and "1 difference" in compared


def test_nothing_can_be_edited(client, operator, rows):
    for name, row in (("cutover", Cutover.objects.get()), ("reconciliation", Reconciliation.objects.get())):
        change = reverse(f"admin:migration_{name}_change", args=[row.pk])
        assert client.get(change).status_code == 200
        assert client.post(change, {"state": "done"}).status_code == 403
        assert client.get(reverse(f"admin:migration_{name}_add")).status_code == 403
        assert client.post(reverse(f"admin:migration_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_staff_without_the_permission_see_nothing(client, rows):
    client.force_login(User.objects.create_user("staff@example.com", "a long enough password", is_staff=True))
    assert [client.get(reverse(f"admin:migration_{name}_changelist")).status_code for name in NAMES] == [403] * 2
    assert b"Moves of ownership" not in client.get(reverse("admin:index")).content
