"""legacy_monolith.sales.sweeper"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import httpx
import pytest

from legacy_monolith.catalogue import reservations
from legacy_monolith.catalogue.models import Product, Reservation
from legacy_monolith.lines import Line
from legacy_monolith.sales import lifecycle, orders, sweeper
from legacy_monolith.sales.models import Order
from legacy_monolith.sales.peers import Reserved
from services.chassis import contract
from tests.unit.legacy_monolith.conftest import NOW, SHIP_TO, gateway, never, nobody

LATER = NOW + timedelta(seconds=contract.RESERVATION_TTL + 1)


def hold(number: str) -> None:
    reservations.reserve(order_no=number, customer="ada", lines=[Line("LAMP", 2)], now=NOW)


def states() -> dict[str, str]:
    return {row.order_no: row.get_state_display() for row in Reservation.objects.all()}


def unsettled(number: str) -> None:
    lines = [Reserved("LAMP", "Lamp", 2, 2000)]
    orders.record(order_no=number, customer="ada", ship_to=SHIP_TO, lines=lines, now=NOW, stock_settled=False)


@pytest.mark.django_db
class TestSweep:
    def test_reservations_whose_time_is_over_end_as_the_owner_of_orders_says(self, shop: object) -> None:
        for number in ("TC-1", "TC-2", "TC-3", "TC-4"):
            hold(number)
        outcomes = {"TC-1": "confirm", "TC-2": "release", "TC-3": "wait", "TC-4": "guess"}

        def owner(request: httpx.Request) -> httpx.Response:
            number = request.url.path.split("/")[2]
            assert json.loads(request.content) == {"customer": "ada"}
            return httpx.Response(200, json={"order": number, "outcome": outcomes[number]})

        sweeper.settle_reservations(peers=gateway(owner), now=LATER)
        assert states() == {"TC-1": "confirmed", "TC-2": "released", "TC-3": "held", "TC-4": "held"}
        assert Product.objects.get(code="LAMP").qty == 10 - 3 * 2

    def test_what_is_not_over_is_left_alone(self, shop: object) -> None:
        hold("TC-1")
        sweeper.settle_reservations(peers=gateway(never), now=NOW + timedelta(seconds=contract.RESERVATION_TTL))
        assert states() == {"TC-1": "held"}

    @pytest.mark.parametrize("status", [404, 403, 503])
    def test_it_never_guesses(self, shop: object, status: int) -> None:
        hold("TC-1")
        answer = httpx.Response(status, json={"outcome": "release"})
        sweeper.settle_reservations(peers=gateway(lambda request: answer), now=LATER)
        sweeper.settle_reservations(peers=gateway(nobody), now=LATER)
        assert states() == {"TC-1": "held"}

    def test_a_bad_row_does_not_keep_the_others_waiting(self, shop: object) -> None:
        for number in ("TC-1", "TC-2"):
            hold(number)

        def owner(request: httpx.Request) -> httpx.Response:
            if "TC-1" in request.url.path:
                return httpx.Response(200, content=b"not json")
            return httpx.Response(200, json={"outcome": "release"})

        sweeper.settle_reservations(peers=gateway(owner), now=LATER)
        assert states() == {"TC-1": "held", "TC-2": "released"}

    def test_orders_are_confirmed_or_released_until_the_owner_says_yes(self) -> None:
        for number in ("TC-1", "TC-2", "TC-3"):
            unsettled(number)
        lifecycle.change_status(
            order_no="TC-2", to="cancelled", customer="ada", products_here=False, peers=gateway(nobody), now=NOW
        )
        asked: list[str] = []

        def owner(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path.removeprefix("/products/reservations/"))
            return httpx.Response(409 if "TC-3" in request.url.path else 200, json={})

        sweeper.settle_orders(peers=gateway(owner))
        assert asked == ["TC-1/confirm", "TC-2/release", "TC-3/confirm"]
        assert list(Order.objects.filter(stock_settled=False).values_list("order_no", flat=True)) == ["TC-3"]

    def test_an_order_that_is_cancelled_meanwhile_still_has_its_release_to_come(self) -> None:
        unsettled("TC-1")

        def owner(request: httpx.Request) -> httpx.Response:
            assert request.url.path.endswith("/confirm")
            lifecycle.change_status(
                order_no="TC-1", to="cancelled", customer="ada", products_here=False, peers=gateway(nobody), now=NOW
            )
            return httpx.Response(200, json={})

        sweeper.settle_orders(peers=gateway(owner))
        assert not Order.objects.get().stock_settled


def command(*arguments: str) -> subprocess.Popen[str]:
    """Start the command with nobody at the other end of the gateway, nor of its database."""
    environment = {"GATEWAY_URL": "http://127.0.0.1:9", "LEGACY_DATABASE_URL": "postgres://nobody@127.0.0.1:9/none"}
    return subprocess.Popen(
        [sys.executable, "-m", "django", "sweep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )


def test_a_database_that_is_away_does_not_end_the_command_and_sigterm_does_so_cleanly() -> None:
    sweeping = command("--every", "60")
    assert sweeping.stdout is not None
    alarm = threading.Timer(60, sweeping.kill)
    alarm.start()
    try:
        assert any("sweep_failed" in line for line in sweeping.stdout), "it ended instead"
        sweeping.send_signal(signal.SIGTERM)
        output, _ = sweeping.communicate()
    finally:
        alarm.cancel()
        sweeping.kill()
    assert sweeping.returncode == 0
    assert "Traceback" not in output


@pytest.mark.parametrize("every", ["0", "-1", "x", "inf"])
def test_a_pause_is_a_number_of_seconds(every: str) -> None:
    refused = command("--every", every)
    output, _ = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert "Traceback" not in output
