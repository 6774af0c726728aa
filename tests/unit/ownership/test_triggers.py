"""services.ownership.triggers and schema: nobody gets past them, and nothing is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.routing.buckets import bucket
from legacy_monolith.catalogue.models import Category, Product
from legacy_monolith.sales.models import IdempotencyKey, Order, OrderLine, StatusChange
from tests.unit.ownership.conftest import SALT, Own

pytestmark = pytest.mark.django_db
Captured = Callable[[], list[dict[str, Any]]]


def order(number: str = "TC-0001", customer: str = "ada") -> Order:
    return Order.objects.create(
        order_no=number,
        cust_ref=customer,
        ship_name="Ada",
        ship_street="1",
        ship_city="York",
        ship_postcode="Y",
        ship_country="UK",
        total_cents=100,
        placed=timezone.now(),
    )


def refused(act: Callable[[], object]) -> str:
    """Return the SQLSTATE with which the database refuses."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        act()
    return str(getattr(caught.value.__cause__, "sqlstate", ""))


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


class TestFence:
    @pytest.mark.parametrize("owner", ["peer", "none"])
    @pytest.mark.parametrize(
        "act",
        [
            lambda: Product.objects.filter(code="A").update(qty=3),
            lambda: Product.objects.bulk_create([Product(code="B", title="b", price_cents=1)]),
            lambda: Category.objects.create(slug="new", name="New"),
            lambda: sql("UPDATE catalogue_product SET qty = 3"),
            lambda: sql("DELETE FROM catalogue_product"),
            lambda: sql("INSERT INTO catalogue_category (slug, name) VALUES ('x', 'X')"),
        ],
    )
    def test_no_way_of_writing_gets_past_it(self, own: Own, owner: str, act: Callable[[], object]) -> None:
        Product.objects.create(code="A", title="a", price_cents=1)
        own("products", owner, epoch=4)
        assert refused(act) == "TC421"
        assert Product.objects.get().qty == 0

    def test_copy_is_a_way_of_writing(self, own: Own) -> None:
        own("products", "peer")

        def copy() -> None:
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY catalogue_category (slug, name) FROM STDIN") as copy,
            ):
                copy.write_row(("x", "X"))

        with pytest.raises(psycopg.DatabaseError) as caught, transaction.atomic():
            copy()
        assert caught.value.sqlstate == "TC421"

    def test_a_bucket_is_refused_and_the_others_go_on(self, captured: Captured, own: Own) -> None:
        ada, bob = (bucket(salt=SALT, key=name) for name in ("ada", "bob"))
        assert ada != bob
        own("orders", "peer", bucket=ada)
        order("TC-0001", "bob")
        assert refused(lambda: order("TC-0002", "ada")) == "TC421"
        bobs = Order.objects.get()
        assert (
            refused(
                lambda: IdempotencyKey.objects.create(
                    cust_ref="ada", key="k", order_no="TC-0003", lease_until=bobs.placed
                )
            )
            == "TC421"
        )
        OrderLine.objects.create(order=bobs, line_no=1, code="A", title="a", qty=1, unit_cents=1)

    def test_a_statement_over_several_buckets_needs_all_of_them(self, captured: Captured, own: Own) -> None:
        order("TC-0001", "ada")
        order("TC-0002", "bob")
        own("orders", "peer", bucket=bucket(salt=SALT, key="bob"))
        assert refused(lambda: Order.objects.update(stock_settled=False)) == "TC421"
        assert Order.objects.filter(stock_settled=True).count() == 2

    def test_reading_and_statements_that_touch_nothing_are_free(self, own: Own) -> None:
        own("products", "peer")
        assert Product.objects.filter(code="none").update(qty=1) == 0
        assert not Product.objects.exists()

    def test_who_or_what_a_row_is_cannot_change(self) -> None:
        placed = order()
        assert refused(lambda: Order.objects.update(cust_ref="bob")) == "TC409"
        assert refused(lambda: Order.objects.update(order_no="TC-0009")) == "TC409"
        assert refused(lambda: sql(f"UPDATE sales_order SET id = {placed.pk + 1}")) == "TC409"


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_that_may_be_older_than_the_owner_is_refused() -> None:
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="READ COMMITTED"):
        cursor.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO catalogue_category (slug, name) VALUES ('x', 'X')"
        )
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK")


class TestCapture:
    def test_every_kind_of_change_is_recorded_with_what_it_refers_to(self, captured: Captured) -> None:
        shelf = Category.objects.create(slug="lamps", name="Lamps")
        Product.objects.bulk_create([Product(code="A", title="a", price_cents=1, category=shelf)])
        Product.objects.filter(code="A").update(qty=7)
        placed = order()
        OrderLine.objects.create(order=placed, line_no=1, code="A", title="a", qty=1, unit_cents=1)
        StatusChange.objects.create(order=placed, status="N", at=placed.placed)
        key = IdempotencyKey.objects.create(cust_ref="ada", key='k"1', order_no="TC-0001", lease_until=placed.placed)
        key.delete()
        found = captured()
        assert [(row["aggregate"], row["root"], row["op"]) for row in found] == [
            ("category", "lamps", "U"),
            ("product", "A", "U"),
            ("product", "A", "U"),
            ("order", "TC-0001", "U"),
            ("order_line", "TC-0001", "U"),
            ("status_change", "TC-0001", "U"),
            ("idempotency_key", 'ada k"1', "U"),
            ("idempotency_key", 'ada k"1', "D"),
        ]
        payload = {row["aggregate"]: json.loads(row["payload"]) for row in found}
        assert payload["product"]["category"] == "lamps" and payload["product"]["qty"] == 7
        assert payload["order_line"]["order_no"] == "TC-0001"
        assert [json.loads(row["key"]) for row in found[3:7]] == [
            ["TC-0001"],
            ["TC-0001", 1],
            ["TC-0001", "N"],
            ["ada", 'k"1'],
        ]
        assert {row["bucket"] for row in found if row["capability"] == "orders"} == {bucket(salt=SALT, key="ada")}
        assert {row["bucket"] for row in found if row["capability"] == "products"} == {0}

    def test_what_is_rolled_back_has_not_happened(self, captured: Captured) -> None:
        with transaction.atomic():
            order()
            transaction.set_rollback(True)
        assert not captured()

    def test_what_is_applied_from_the_other_side_is_neither_refused_nor_recorded(
        self, captured: Captured, own: Own
    ) -> None:
        own("orders", "peer")
        sql("SET LOCAL techcommerce.applying = 'on'")
        order()
        assert not captured()

    def test_nothing_is_recorded_before_it_is_asked_for(self, db: None) -> None:
        order()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM ownership_outbox")
            assert cursor.fetchone()[0] == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=64))
def test_database_and_gateway_deal_customers_out_alike(captured: Captured, customer: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ownership_bucket_of('orders', %s)", [customer])
        assert cursor.fetchone()[0] == bucket(salt=SALT, key=customer)
