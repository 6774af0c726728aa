"""services.ownership.fence, position and middleware, as requests meet them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from gateway.routing.buckets import bucket
from legacy_monolith.catalogue.models import Product
from legacy_monolith.sales import stock, sweeper
from legacy_monolith.sales.models import IdempotencyKey, Order
from services.ownership import fence
from services.ownership.fence import Misdirected
from services.ownership.position import Position, read
from tests.support.rest import Api, body
from tests.unit.ownership.conftest import SALT, Own
from tests.unit.ownership.test_triggers import order

pytestmark = pytest.mark.django_db
Captured = Callable[[], list[dict[str, Any]]]
SHIP_TO = {"name": "Ada", "street": "1", "city": "York", "postcode": "Y", "country": "UK"}
BODY = {"lines": [{"sku": "A", "quantity": 2}], "ship_to": SHIP_TO}
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def ada() -> Api:
    return Api("ada", "orders")


@pytest.fixture
def staff() -> Api:
    return Api("ops", "orders", "orders:operate", "products:write", kind="staff")


@pytest.fixture
def service() -> Api:
    return Api("service:products", "products:reserve", "orders:settle", kind="service")


@pytest.fixture
def lamp(db: None) -> Product:
    return Product.objects.create(code="A", title="Lamp", price_cents=250, qty=9)


class TestWrites:
    @pytest.mark.parametrize(
        ("method", "path", "sent"),
        [
            ("POST", "/products", {"sku": "B", "name": "b", "category": "unknown", "price": {}}),
            ("PATCH", "/products/A", {"stock": 1}),
            ("DELETE", "/products/A", None),
            ("DELETE", "/products/NONE", None),
        ],
    )
    def test_products_that_the_other_side_owns_are_sent_there(
        self, staff: Api, lamp: Product, own: Own, method: str, path: str, sent: Any
    ) -> None:
        own("products", "peer", epoch=7)
        answer = staff.send(method, path, json=sent)
        assert (answer.status_code, answer.headers["TechCommerce-Epoch"]) == (421, "7")
        assert body(answer)["type"] == "/problems/misdirected"

    def test_reservations_too(self, service: Api, lamp: Product, own: Own) -> None:
        own("products", "none", epoch=2)
        wanted = {"order": "TC-0001", "customer": "ada", "lines": [{"sku": "A", "quantity": 1}]}
        for path in ("/products/reservations", "/products/reservations/TC-0001/confirm"):
            assert service.send("POST", path, json=wanted).status_code == 421

    def test_an_order_goes_to_whoever_owns_the_customer_s(
        self, ada: Api, lamp: Product, captured: Captured, own: Own
    ) -> None:
        mine = bucket(salt=SALT, key="ada")
        own("orders", "peer", epoch=3, bucket=mine)
        answer = ada.send("POST", "/orders", json=BODY, headers=KEY)
        assert (answer.status_code, answer.headers["TechCommerce-Epoch"]) == (421, "3")
        assert not IdempotencyKey.objects.exists()
        own("orders", "self", epoch=4, bucket=mine)
        own("orders", "peer", epoch=5, bucket=(mine + 1) % 1024)
        assert Api("ada", "orders").send("POST", "/orders", json=BODY, headers=KEY).status_code in {201, 503}

    def test_staff_who_change_an_order_are_sent_to_its_owner(self, staff: Api, captured: Captured, own: Own) -> None:
        order("TC-0001", "ada")
        own("orders", "peer", epoch=3, bucket=bucket(salt=SALT, key="ada"))
        answer = staff.send("POST", "/orders/TC-0001/status", json={"status": "paid"})
        assert (answer.status_code, answer.headers["TechCommerce-Epoch"]) == (421, "3")

    def test_an_order_that_is_not_here_may_be_there_once(
        self, staff: Api, ada: Api, captured: Captured, own: Own
    ) -> None:
        own("orders", "peer", epoch=3, bucket=(bucket(salt=SALT, key="ada") + 1) % 1024)
        path, sent = "/orders/TC-0404/status", {"status": "paid"}
        answer = staff.send("POST", path, json=sent)
        assert (answer.status_code, answer.headers["TechCommerce-Epoch"]) == (421, "0")
        assert staff.send("POST", path, json=sent, headers={"TechCommerce-Asked": "1"}).status_code == 404
        # One's own are looked for where they must be.
        assert ada.send("POST", "/orders/TC-0404/cancel").status_code == 404

    def test_the_monolith_that_owns_everything_knows_what_there_is_not(self, staff: Api) -> None:
        assert staff.send("POST", "/orders/TC-0404/status", json={"status": "paid"}).status_code == 404

    def test_what_nobody_asked_about_before_is_sent_away_by_the_database(self, ada: Api, own: Own) -> None:
        own("orders", "self")
        error = Exception()
        error.__cause__ = None
        assert fence.refusal(error) is None


class TestSweeping:
    def test_what_others_own_is_left_to_them(self, captured: Captured, own: Own) -> None:
        placed = order("TC-0001", "ada")
        Order.objects.filter(pk=placed.pk).update(stock_settled=False)
        own("orders", "peer")
        asked: list[str] = []

        class Peers:
            def confirm(self, *, order_no: str) -> bool:
                asked.append(order_no)
                return True

        sweeper.settle_orders(peers=Peers())  # type: ignore[arg-type]
        assert not asked
        # One that moves between the question and the mark.
        with transaction.atomic():
            assert stock.settle(order_no="TC-0001", cancelled=False, peers=Peers()) is False  # type: ignore[arg-type]
            transaction.set_rollback(True)
        assert asked == ["TC-0001"]


class TestPositions:
    def test_a_write_says_how_far_it_came_and_only_once(self, staff: Api, lamp: Product, captured: Captured) -> None:
        answer = staff.send("PATCH", "/products/A", json={"stock": 3})
        said = read(answer.headers["TechCommerce-Position"], capability="products")
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(id) FROM ownership_outbox")
            assert said == Position("products", "monolith", 1, cursor.fetchone()[0])
        again = staff.send("DELETE", "/products/NONE")
        assert (again.status_code, "TechCommerce-Position" in again.headers) == (404, False)

    def test_who_repeats_a_write_is_not_shown_less_than_it_did(
        self, ada: Api, staff: Api, lamp: Product, captured: Captured
    ) -> None:
        answers = [ada.send("POST", "/orders", json=BODY, headers=KEY) for _ in range(2)]
        number = body(answers[0])["number"]
        answers += [ada.send("POST", f"/orders/{number}/cancel") for _ in range(2)]
        answers += [staff.send("POST", f"/orders/{number}/status", json={"status": "cancelled"})]
        said = [read(answer.headers["TechCommerce-Position"], capability="orders") for answer in answers]
        assert said[0] == said[1] != said[2] == said[3] == said[4]
        with connection.cursor() as cursor:
            # All of it has come over.
            cursor.execute("DELETE FROM ownership_outbox")
        for repeated in (
            ada.send("POST", "/orders", json=BODY, headers=KEY),
            ada.send("POST", f"/orders/{number}/cancel"),
        ):
            assert repeated.status_code < 300
            assert "TechCommerce-Position" not in repeated.headers

    def test_nobody_is_told_what_a_component_has_written(
        self, ada: Api, service: Api, lamp: Product, captured: Captured
    ) -> None:
        number = body(ada.send("POST", "/orders", json=BODY, headers=KEY))["number"]
        wanted = {"order": "TC-0002", "customer": "bob", "lines": [{"sku": "A", "quantity": 1}]}
        made = service.send("POST", "/products/reservations", json=wanted)
        assert (made.status_code, "TechCommerce-Position" in made.headers) == (201, False)
        repeated = ada.send("POST", "/orders", json=BODY, headers=KEY)
        assert body(repeated)["number"] == number
        said = repeated.headers["TechCommerce-Position"]
        assert read(said, capability="orders") and not read(said, capability="products")

    def test_without_recording_there_is_nothing_to_say(self, staff: Api, lamp: Product) -> None:
        assert "TechCommerce-Position" not in staff.send("PATCH", "/products/A", json={"stock": 3}).headers

    def test_a_side_that_is_behind_sends_the_reader_away(
        self, ada: Api, lamp: Product, captured: Captured, own: Own
    ) -> None:
        own("products", "peer", epoch=2)
        header = {"TechCommerce-Position": "orders=service.9.9, products=service.2.41"}
        assert ada.send("GET", "/products/A").status_code == 200
        answer = ada.send("GET", "/products/A", headers=header)
        assert (answer.status_code, answer.headers["TechCommerce-Epoch"]) == (421, "2")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO ownership_applied VALUES ('products', 'product', '[\"A\"]', 2, 41)")
        assert ada.send("GET", "/products/A", headers=header).status_code == 200

    @pytest.mark.parametrize(
        "header", ["products=monolith.1.41", "orders=service.2.41", "products=service.x.1", "nonsense", "=" * 300]
    )
    def test_a_side_is_never_behind_itself_nor_behind_nonsense(
        self, ada: Api, lamp: Product, captured: Captured, own: Own, header: str
    ) -> None:
        own("products", "peer", epoch=2)
        assert ada.send("GET", "/products/A", headers={"TechCommerce-Position": header}).status_code == 200

    def test_an_owner_is_never_behind(self, ada: Api, captured: Captured, own: Own) -> None:
        header = {"TechCommerce-Position": "orders=service.2.41"}
        mine = bucket(salt=SALT, key="ada")
        own("orders", "peer", epoch=3)
        assert ada.send("GET", "/orders", headers=header).status_code == 421
        own("orders", "self", epoch=4, bucket=mine)
        assert ada.send("GET", "/orders", headers=header).status_code == 200


def test_a_fence_outside_of_a_transaction_would_be_none(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        fence.enter("products")


def test_whether_it_is_owned_can_be_asked_without_a_refusal(own: Own) -> None:
    with transaction.atomic():
        assert fence.try_enter("products")
        own("products", "peer")
        assert not fence.try_enter("products")
        with pytest.raises(Misdirected), transaction.atomic():
            fence.enter("products")
