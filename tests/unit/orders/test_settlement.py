"""The sweeper of the Order API: stock that is still to be settled, keys that have grown old."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from django.core.management import call_command

from services.chassis.client import GatewayClient
from services.orders import settlement
from services.orders.models import IdempotencyKey, Order
from tests.support.rest import Api
from tests.unit.orders.conftest import NOW, Clock, Keeper, Place

pytestmark = pytest.mark.django_db


def away(act: str) -> None:
    if act != "reserve":
        raise httpx.ConnectError("nobody there")


def test_it_does_what_requests_had_to_leave(
    place: Place, buyer: Api, keeper: Keeper, client_of_keeper: GatewayClient
) -> None:
    keeper.before = away
    kept, cancelled = place(key="1").number, place(key="2").number
    buyer.post(f"/orders/{cancelled}/cancel")
    settlement.settle_orders(gateway=client_of_keeper)
    assert Order.objects.filter(stock_settled=False).count() == 2
    keeper.before = lambda _: None
    settlement.settle_orders(gateway=client_of_keeper)
    assert not Order.objects.filter(stock_settled=False).exists()
    assert keeper.reservations[kept]["state"] == "confirmed"
    assert keeper.reservations[cancelled]["state"] == "released"
    assert keeper.stock["A"] == 8


def test_one_that_fails_does_not_stop_the_rest(place: Place, keeper: Keeper, client_of_keeper: GatewayClient) -> None:
    keeper.before = away
    numbers = sorted(place(key=str(n)).number for n in range(3))
    keeper.before = lambda _: None
    keeper.reservations[numbers[0]]["state"] = "released"
    del keeper.reservations[numbers[1]]
    settlement.settle_orders(gateway=client_of_keeper)
    settled = dict(Order.objects.values_list("number", "stock_settled"))
    assert [settled[number] for number in numbers] == [False, False, True]


def test_a_cancelled_order_that_never_held_stock_is_settled(
    place: Place, buyer: Api, keeper: Keeper, client_of_keeper: GatewayClient
) -> None:
    number = place().number
    keeper.reservations.clear()
    buyer.post(f"/orders/{number}/cancel")
    assert Order.objects.get().stock_settled


def test_keys_are_forgotten_after_thirty_days_and_not_before(place: Place, clock: Clock) -> None:
    place(key="old")
    clock.pass_(timedelta(days=1).total_seconds())
    place(key="new")
    lease = timedelta(seconds=30)
    assert settlement.prune_keys(now=NOW + lease + timedelta(days=30)) == 0
    assert settlement.prune_keys(now=NOW + lease + timedelta(days=30, seconds=1)) == 1
    assert IdempotencyKey.objects.get().key == "new"
    assert Order.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_does_one_round(place: Place, keeper: Keeper) -> None:
    keeper.before = away
    place()
    keeper.before = lambda _: None
    call_command("sweep", "--once")
    assert Order.objects.get().stock_settled
