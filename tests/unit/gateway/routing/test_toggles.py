from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import Error, IntegrityError, connection, transaction

from gateway.routing.models import Revision, Toggle
from gateway.routing.steering import revision, steer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def products() -> Toggle:
    return Toggle.objects.get(capability="products")


def test_the_shop_begins_with_the_monolith():
    assert dict(Toggle.objects.values_list("capability", "side")) == {"products": "monolith", "orders": "monolith"}


def test_steering_says_what_it_did_and_who_and_why():
    before = revision()
    moved = steer(capability="products", side="service", by="ops@example.com", reason="pilot", now=NOW)
    assert (moved.before, moved.after, moved.changed, moved.revision) == ("monolith", "service", True, before + 1)
    toggle = products()
    assert (toggle.side, toggle.updated_by, toggle.reason, toggle.updated_at) == (
        "service",
        "ops@example.com",
        "pilot",
        NOW,
    )


def test_steering_to_where_it_goes_already_changes_nothing():
    before = revision()
    moved = steer(capability="orders", side="monolith", by="ops", reason="again", now=NOW)
    assert (moved.changed, revision()) == (False, before)
    assert Toggle.objects.get(capability="orders").updated_by == ""


def test_every_edit_in_sql_counts():
    before = revision()
    sql("UPDATE routing_toggle SET side = 'service'")
    assert revision() == before + 2


def test_an_edit_in_sql_does_not_go_on_under_anothers_name():
    steer(capability="products", side="service", by="ops@example.com", reason="pilot", now=NOW)
    sql("UPDATE routing_toggle SET side = 'monolith' WHERE capability = 'products'")
    toggle = products()
    assert toggle.updated_by.startswith("sql:")
    assert toggle.reason == ""
    assert toggle.updated_at > NOW


def test_an_edit_in_sql_may_give_its_own_reason():
    sql("UPDATE routing_toggle SET side = 'service', reason = 'emergency' WHERE capability = 'products'")
    assert products().reason == "emergency"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE routing_toggle SET side = 'moon'",
        "UPDATE routing_toggle SET capability = 'stock' WHERE capability = 'orders'",
        "UPDATE routing_toggle SET capability = 'products' WHERE capability = 'orders'",
        "INSERT INTO routing_revision (id, number, changed_at) VALUES (2, 1, now())",
    ],
)
def test_the_database_refuses_what_has_no_meaning(statement):
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(statement)


def test_no_toggle_can_be_deleted():
    with pytest.raises(Error), transaction.atomic():
        sql("DELETE FROM routing_toggle")
    assert Toggle.objects.count() == 2


def test_an_aborted_change_is_not_counted():
    before = Revision.objects.get(id=1).number
    with transaction.atomic():
        sql("UPDATE routing_toggle SET side = 'service'")
        transaction.set_rollback(True)
    assert revision() == before
