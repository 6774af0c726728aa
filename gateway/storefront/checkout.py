"""Buying once: what a shopper was shown, signed into the form, so that every submission asks for the same.

    StillPlacing          the first submission is still running, or the shop did not say what became of it

The idempotency key comes from a nonce of the session and the cart's content. So two tabs, a double click, a reload and
a way back all ask under one key, until the nonce is renewed by a purchase.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.core import signing

from gateway.storefront.cart import Priced, Session
from gateway.storefront.shapes import Address, Order, Product
from gateway.storefront.shop import KeyInFlight, Shop, ShopUnavailable
from services.chassis import contract

OFFER_LIFETIME: Final = 24 * 3600
"""Seconds that a form can wait to be submitted."""
PATIENCE: Final = (0.5, 1.0, 1.5)
"""Seconds between the attempts to learn what became of a placement."""
GIVE_UP_AFTER: Final = 8.0
"""Seconds from which on no further attempt is made."""
REMEMBERED: Final = 20
"""Purchases of which a session remembers the order's number."""

_SALT: Final = "techcommerce.storefront.checkout"
_NONCE: Final = "checkout_nonce"
_PLACED: Final = "checkout_placed"


class StillPlacing(Exception):
    """What became of the placement cannot be said yet; asking again is safe."""


@dataclass(frozen=True, slots=True)
class OfferLine:
    quantity: int
    price: Decimal
    """Of one, as shown."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the shopper was shown: under which key, to whom, what, at which prices."""

    key: str
    shopper: str
    lines: Mapping[str, OfferLine]

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines.values()), Decimal(0))

    @property
    def quantities(self) -> dict[str, int]:
        """By sku, in sku order: the payload must not depend on the order in which things were put into the cart."""
        return {sku: self.lines[sku].quantity for sku in sorted(self.lines)}

    def at_prices_of(self, products: Mapping[str, Product]) -> Offer:
        """Return the offer with today's prices: under the same key, since what is asked for is the same."""
        lines = {
            sku: OfferLine(line.quantity, products[sku].price if sku in products else line.price)
            for sku, line in self.lines.items()
        }
        return Offer(key=self.key, shopper=self.shopper, lines=lines)


def offer_for(*, cart: Priced, shopper: str, session: Session) -> Offer:
    """Return the offer of a cart that can be bought, under the session's key for that content."""
    lines = {line.sku: OfferLine(line.quantity, line.product.price) for line in cart.lines if line.product is not None}
    nonce = session.get(_NONCE)
    if not isinstance(nonce, str):
        nonce = renew(session)
    content = json.dumps([shopper, sorted((sku, line.quantity) for sku, line in lines.items())])
    key = hmac.new(nonce.encode(), content.encode(), hashlib.sha256).hexdigest()
    return Offer(key=key, shopper=shopper, lines=lines)


def renew(session: Session) -> str:
    """Make the next offer ask under a new key, and return the nonce behind it."""
    nonce = secrets.token_hex(16)
    session[_NONCE] = nonce
    return nonce


def sign(offer: Offer) -> str:
    """Return the offer as a form's hidden field."""
    return signing.dumps(
        {
            "key": offer.key,
            "shopper": offer.shopper,
            "lines": {sku: [line.quantity, f"{line.price:.2f}"] for sku, line in offer.lines.items()},
        },
        salt=_SALT,
        compress=True,
    )


def read(text: str, *, shopper: str) -> Offer | None:
    """Return the offer in a hidden field; None when it is not ours, not for this shopper, or too old."""
    try:
        data = signing.loads(text, salt=_SALT, max_age=OFFER_LIFETIME)
        offer = Offer(
            key=data["key"],
            shopper=data["shopper"],
            lines={sku: OfferLine(quantity, Decimal(price)) for sku, (quantity, price) in data["lines"].items()},
        )
    except (signing.BadSignature, AttributeError, KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return offer if offer.shopper == shopper else None


def place(
    shop: Shop, *, offer: Offer, ship_to: Address, sleep: Callable[[float], None], clock: Callable[[], float]
) -> Order:
    """Return the order of this offer, placed now or before; OrderRefused or StillPlacing.

    Asks again, a few times, while an earlier request with the key is running or the shop gives no answer: the key makes
    that safe.
    """
    give_up = clock() + GIVE_UP_AFTER
    pauses = iter(PATIENCE)
    while True:
        try:
            return shop.place(key=offer.key, lines=offer.quantities, ship_to=ship_to)
        except (KeyInFlight, ShopUnavailable) as error:
            pause = next(pauses, None)
            if pause is None or clock() + pause >= give_up:
                raise StillPlacing from error
            sleep(pause)


def remember(session: Session, *, key: str, number: str) -> None:
    """Keep which order a key became."""
    placed = {**_placed(session), key: number}
    session[_PLACED] = dict(list(placed.items())[-REMEMBERED:])


def remembered(session: Session, *, key: str) -> str | None:
    """Return the number of the order that a key became, where this session saw it."""
    return _placed(session).get(key)


def _placed(session: Session) -> dict[str, str]:
    stored = session.get(_PLACED)
    if not isinstance(stored, dict):
        return {}
    return {
        str(key): number
        for key, number in stored.items()
        if isinstance(number, str) and contract.ORDER_NUMBER.fullmatch(number)
    }
