"""Placing an order, once, whatever dies on the way. The steps are in `docs/contract.md`, "How an order is placed"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from legacy_monolith import http
from legacy_monolith.catalogue import reservations
from legacy_monolith.sales import keys, orders, stock
from legacy_monolith.sales.keys import Answered, Claim
from legacy_monolith.sales.peers import Peers, Refused, Reserved
from legacy_monolith.sales.requests import OrderRequest
from services.chassis import contract, log
from services.chassis.client import Unreachable
from services.chassis.problems import Problem
from services.ownership import fence
from services.ownership.fence import Misdirected

_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to a placement: the order's number and body, and whether it had been given before."""

    order_no: str
    body: str
    replayed: bool


def place(
    *,
    customer: str,
    key: str,
    request: OrderRequest,
    products_here: bool,
    peers: Peers,
    clock: Callable[[], datetime],
    new_number: Callable[[], str] = contract.new_order_number,
) -> Placed:
    """Place an order for a customer under their key, or return what became of it before.

    `products_here` says that this database owns products, so that one transaction does everything. A problem when the
    key is busy or was used for something else, when a product is unknown or short, and `unavailable` when the owner of
    products gave no answer.
    """
    order = _Placement(customer, key, request, peers, clock, new_number)
    if products_here:
        try:
            return order.here()
        except Misdirected as misdirected:
            # The products have moved since the gateway looked. The order is still ours to place.
            if misdirected.capability != "products":
                raise
    return order.through_gateway()


class _Placement:
    def __init__(
        self,
        customer: str,
        key: str,
        request: OrderRequest,
        peers: Peers,
        clock: Callable[[], datetime],
        new_number: Callable[[], str],
    ) -> None:
        self._customer = customer
        self._key = key
        self._request = request
        self._peers = peers
        self._clock = clock
        self._new_number = new_number

    def here(self) -> Placed:
        """Place the order in one transaction: a refusal leaves nothing, the key neither."""
        with transaction.atomic():
            self._enter()
            fence.enter("products")
            claim = self._claim()
            if isinstance(claim, Answered):
                return _replay(claim)
            claim, lines = self._reserve_here(claim)
            return self._record(claim, lines, stock_settled=True)

    def through_gateway(self) -> Placed:
        """Place the order with the stock of another owner: a transaction before the reservation, and one after.

        If the customer's orders move in between, the second is Misdirected: the new owner, who has the key's row with
        its lease ended, goes on under the same number.
        """
        with transaction.atomic():
            self._enter()
            claim = self._claim()
        if isinstance(claim, Answered):
            return _replay(claim)
        try:
            claim, lines = self._reserve_there(claim)
        except Refused as refused:
            with transaction.atomic():
                self._enter()
                keys.free(held=claim)
            raise refused.problem from None
        except Unreachable as error:
            # The stock may have been taken. Only the same number finds it again, so the row stays, its lease over:
            # a retry goes on at once; if none comes, the reservation's sweeper asks and is told to release.
            _logger.warning("reservation_unknown", order=claim.order_no, error=str(error))
            with transaction.atomic():
                self._enter()
                keys.let_go(held=claim, now=self._clock())
            raise Problem("unavailable") from None
        try:
            with transaction.atomic():
                self._enter()
                answered = keys.check(held=claim)
                placed = _replay(answered) if answered else self._record(claim, lines, stock_settled=False)
        except keys.Lost:
            # Nothing stands for the number any more. If this fails, its reservation's sweeper is told to release.
            _logger.warning("placement_lost", order=claim.order_no)
            stock.give_back(order_no=claim.order_no, peers=self._peers)
            raise Problem("unavailable") from None
        if not placed.replayed:
            stock.settle(order_no=placed.order_no, cancelled=False, peers=self._peers)
        return placed

    def _enter(self) -> None:
        fence.enter("orders", self._customer)

    def _claim(self) -> Claim | Answered:
        return keys.claim(
            customer=self._customer,
            key=self._key,
            fingerprint=self._request.fingerprint,
            now=self._clock(),
            new_number=self._new_number,
        )

    def _reserve_here(self, claim: Claim) -> tuple[Claim, Sequence[Reserved]]:
        try:
            return claim, self._take(claim)
        except Problem as problem:
            # A run that died reserved under this number, and its stock has gone back since.
            if problem.kind.slug != "reservation-settled":
                raise
            claim = keys.renumber(held=claim, new_number=self._new_number)
            return claim, self._take(claim)

    def _take(self, claim: Claim) -> Sequence[Reserved]:
        reservation, _ = reservations.reserve(
            order_no=claim.order_no,
            customer=self._customer,
            lines=self._request.lines,
            now=self._clock(),
            confirmed=True,
        )
        return [
            Reserved(sku=line.product.code, name=line.title, quantity=line.qty, unit_cents=line.unit_cents)
            for line in reservations.lines_of(reservation)
        ]

    def _reserve_there(self, claim: Claim) -> tuple[Claim, Sequence[Reserved]]:
        try:
            return claim, self._ask(claim)
        except Refused as refused:
            if refused.problem.kind.slug != "reservation-settled":
                raise
            try:
                with transaction.atomic():
                    self._enter()
                    claim = keys.renumber(held=claim, new_number=self._new_number)
            except keys.Lost:
                raise Refused(Problem("unavailable")) from None
            return claim, self._ask(claim)

    def _ask(self, claim: Claim) -> Sequence[Reserved]:
        return self._peers.reserve(order_no=claim.order_no, customer=self._customer, lines=self._request.lines)

    def _record(self, claim: Claim, lines: Sequence[Reserved], *, stock_settled: bool) -> Placed:
        shown = orders.record(
            order_no=claim.order_no,
            customer=self._customer,
            ship_to=self._request.ship_to,
            lines=lines,
            now=self._clock(),
            stock_settled=stock_settled,
        )
        body = http.render(shown)
        keys.finish(held=claim, body=body)
        return Placed(order_no=claim.order_no, body=body, replayed=False)


def _replay(answered: Answered) -> Placed:
    return Placed(order_no=answered.order_no, body=answered.body, replayed=True)
