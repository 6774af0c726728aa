from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import Error, IntegrityError, connection, transaction

from gateway.routing.models import Revision, Toggle
from gateway.routing.steering import Setting, revision, steer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def products() -> Toggle:
    return Toggle.objects.get(capability="products")


def test_the_shop_begins_with_the_monolith():
    for toggle in Toggle.objects.all():
        assert Setting.of(toggle) == Setting(reads=0, writes=0, shadow=0, fallback=True)
        assert len({toggle.salt, toggle.shadow_salt}) == 2
    assert Toggle.objects.count() == 2


def test_steering_says_what_it_did_and_who_and_why():
    before = revision()
    moved = steer(capability="products", side="service", by="ops@example.com", reason="pilot", now=NOW)
    assert (moved.before.side, moved.after.side, moved.changed, moved.revision) == (
        "monolith",
        "service",
        True,
        before + 1,
    )
    toggle = products()
    assert Setting.of(toggle) == moved.after == Setting(reads=1024, writes=1024, shadow=0, fallback=True)
    assert (toggle.updated_by, toggle.reason, toggle.updated_at) == ("ops@example.com", "pilot", NOW)


def test_what_is_not_said_stays_as_it_is():
    steer(capability="orders", reads=300, writes=20, by="ops", reason="first", now=NOW)
    steer(capability="orders", shadow=7, fallback=False, by="ops", reason="second", now=NOW)
    moved = steer(capability="orders", writes=0, by="ops", reason="third", now=NOW)
    assert moved.after == Setting(reads=300, writes=0, shadow=7, fallback=False)
    assert moved.after == Setting.of(Toggle.objects.get(capability="orders"))


def test_a_side_says_it_all():
    with pytest.raises(ValueError, match="side"):
        steer(capability="orders", side="service", reads=3, by="ops", reason="both", now=NOW)


def test_steering_to_where_it_goes_already_changes_nothing():
    before = revision()
    moved = steer(capability="orders", side="monolith", by="ops", reason="again", now=NOW)
    assert (moved.changed, revision()) == (False, before)
    assert Toggle.objects.get(capability="orders").updated_by == ""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (Setting(reads=0, writes=0, shadow=0, fallback=True), "monolith"),
        (Setting(reads=1024, writes=1024, shadow=0, fallback=False), "service, no fallback"),
        (
            Setting(reads=256, writes=0, shadow=51, fallback=True),
            "service for 25 % of reads and 0 % of writes, 4.98 % mirrored",
        ),
    ],
)
def test_settings_are_said_in_words(setting, said):
    assert str(setting) == said


def test_every_edit_in_sql_counts():
    before = revision()
    sql("UPDATE routing_toggle SET reads = 5")
    assert revision() == before + 2


def test_an_edit_in_sql_does_not_go_on_under_anothers_name():
    steer(capability="products", side="service", by="ops@example.com", reason="pilot", now=NOW)
    sql("UPDATE routing_toggle SET reads = 0 WHERE capability = 'products'")
    toggle = products()
    assert toggle.updated_by.startswith("sql:")
    assert toggle.reason == ""
    assert toggle.updated_at > NOW


def test_an_edit_in_sql_may_give_its_own_reason():
    sql("UPDATE routing_toggle SET reads = 1024, reason = 'emergency' WHERE capability = 'products'")
    assert products().reason == "emergency"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE routing_toggle SET reads = 1025",
        "UPDATE routing_toggle SET reads = -1",
        "UPDATE routing_toggle SET writes = 1025 WHERE capability = 'orders'",
        "UPDATE routing_toggle SET writes = 512 WHERE capability = 'products'",
        "UPDATE routing_toggle SET shadow = 1025",
        "UPDATE routing_toggle SET capability = 'stock' WHERE capability = 'orders'",
        "UPDATE routing_toggle SET capability = 'products' WHERE capability = 'orders'",
        "INSERT INTO routing_revision (id, number, changed_at) VALUES (2, 1, now())",
    ],
)
def test_the_database_refuses_what_has_no_meaning(statement):
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(statement)


def test_orders_may_be_owned_in_part():
    sql("UPDATE routing_toggle SET writes = 512 WHERE capability = 'orders'")
    assert Toggle.objects.get(capability="orders").writes == 512


@pytest.mark.parametrize("salt", ["salt", "shadow_salt"])
def test_nobody_is_dealt_out_anew(salt):
    with pytest.raises(Error, match="pgtrigger"), transaction.atomic():
        sql(f"UPDATE routing_toggle SET {salt} = 'another'")


def test_no_toggle_can_be_deleted():
    with pytest.raises(Error), transaction.atomic():
        sql("DELETE FROM routing_toggle")
    assert Toggle.objects.count() == 2


def test_an_aborted_change_is_not_counted():
    before = Revision.objects.get(id=1).number
    with transaction.atomic():
        sql("UPDATE routing_toggle SET reads = 5")
        transaction.set_rollback(True)
    assert revision() == before
