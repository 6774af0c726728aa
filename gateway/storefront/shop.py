"""The shop's API as the storefront uses it: typed, in the shopper's name, through the gateway like every client.

    ShopUnavailable       no usable answer; what a write did is unknown
    NoSuchPage            the list has fewer pages
    OrderRefused          the order was not placed, for a reason that the shopper can do something about
      OutOfStock            some lines ask for more than there is
      UnknownProducts       some lines name products that are gone
      AddressRefused        some fields of the address cannot be used
      KeyInFlight           the first request with this key is still running
      KeyReused             the key has been used with another payload
    CannotCancel          the order has gone too far to be cancelled

Reads that find nothing return None; an answer that is not the contract's counts as none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from django.conf import settings
from django.http import HttpRequest

from gateway import override, position, visitor
from gateway.storefront.shapes import Address, Category, Order, Page, Product, Shortfall
from services.chassis import contract, log, trace
from services.chassis.identity import Minter, Principal

_logger = log.get(__name__)

_READING = httpx.Timeout(5.0, connect=2.0)
_WRITING = httpx.Timeout(12.0, connect=2.0)
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9._-]{1,1024}", re.ASCII)

Value = TypeVar("Value")


class ShopUnavailable(Exception):
    """The shop gave no usable answer; what a write did is unknown."""


class NoSuchPage(Exception):
    """The list has fewer pages."""


class OrderRefused(Exception):
    """The order was not placed."""


class OutOfStock(OrderRefused):
    """Some lines ask for more than there is."""

    def __init__(self, shortfalls: tuple[Shortfall, ...]) -> None:
        super().__init__(", ".join(shortfall.sku for shortfall in shortfalls))
        self.shortfalls = shortfalls


class UnknownProducts(OrderRefused):
    """Some lines name products that are gone."""


class AddressRefused(OrderRefused):
    """Some fields of the address cannot be used."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors
        """What is wrong, by field."""


class KeyInFlight(OrderRefused):
    """The first request with this key is still running."""


class KeyReused(OrderRefused):
    """The key has been used with another payload."""


class CannotCancel(Exception):
    """The order has gone too far to be cancelled."""


class Shop:
    """The API in the name of one shopper, or of nobody."""

    def __init__(
        self,
        *,
        http: httpx.Client,
        minter: Minter,
        principal: Principal | None,
        cookies: Mapping[str, str] | None = None,
        keep: Callable[[str], None] | None = None,
    ) -> None:
        self._http = http
        self._minter = minter
        self._principal = principal
        self._cookies = dict(cookies or {})
        self._keep = keep

    def products(self, query: Mapping[str, str]) -> Page[Product]:
        """Return a page of the catalogue; NoSuchPage past the last one."""
        response = self._request("GET", "/products", params=query)
        if _says(response, "no-such-page"):
            raise NoSuchPage
        return _read(response, lambda data: Page.read(data, Product.read))

    def products_by_sku(self, skus: Iterable[str]) -> dict[str, Product]:
        """Return the live products among at most 100 skus."""
        wanted = ",".join(skus)
        if not wanted:
            return {}
        page = self.products({"sku": wanted, "page_size": str(contract.SKUS_MAX)})
        return {product.sku: product for product in page.results}

    def categories(self) -> tuple[Category, ...]:
        """Return the categories that have a live product, by name."""
        response = self._request("GET", "/products/categories")
        return _read(response, lambda data: tuple(Category.read(category) for category in data["results"]))

    def product(self, sku: str) -> Product | None:
        """Return a product, None when there is no such."""
        response = self._request("GET", f"/products/{quote(sku, safe='')}")
        return None if response.status_code == 404 else _read(response, Product.read)

    def orders(self, *, page: int = 1, page_size: int = 10) -> Page[Order]:
        """Return a page of the shopper's orders, newest first; NoSuchPage past the last one."""
        response = self._request("GET", "/orders", params={"page": str(page), "page_size": str(page_size)})
        if _says(response, "no-such-page"):
            raise NoSuchPage
        return _read(response, lambda data: Page.read(data, Order.read))

    def order(self, number: str) -> Order | None:
        """Return one of the shopper's orders, None when there is no such."""
        response = self._request("GET", f"/orders/{quote(number, safe='')}")
        return None if response.status_code == 404 else _read(response, Order.read)

    def place(self, *, key: str, lines: Mapping[str, int], ship_to: Address) -> Order:
        """Return the order placed under the idempotency key, now or before; OrderRefused when there is none."""
        body = {
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()],
            "ship_to": ship_to.as_json(),
        }
        response = self._request("POST", "/orders", json=body, headers={"Idempotency-Key": key}, timeout=_WRITING)
        if response.status_code == 201:
            return _read(response, Order.read, status=201)
        raise _read(response, _refusal, status=response.status_code)

    def cancel(self, number: str) -> Order | None:
        """Return the order, now cancelled, or None when there is no such; CannotCancel when it is too late."""
        response = self._request("POST", f"/orders/{quote(number, safe='')}/cancel", timeout=_WRITING)
        if response.status_code == 404:
            return None
        if _says(response, "illegal-transition"):
            raise CannotCancel
        return _read(response, Order.read)

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = _READING,
    ) -> httpx.Response:
        try:
            response = self._http.request(
                method, path, params=params, json=json, headers={**self._headers(), **(headers or {})}, timeout=timeout
            )
        except httpx.HTTPError as error:
            _logger.warning("shop_unreachable", method=method, path=path, detail=type(error).__name__)
            raise ShopUnavailable(f"{method} {path}") from error
        if response.status_code >= 500:
            _logger.warning("shop_failed", method=method, path=path, status=response.status_code)
            raise ShopUnavailable(f"{method} {path}: {response.status_code}")
        self._come_to(response)
        return response

    def _come_to(self, response: httpx.Response) -> None:
        """Keep how far a write has come, for this shop's own reads and for the shopper's next page."""
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name == position.COOKIE and _COOKIE_VALUE.fullmatch(value):
                self._cookies[name] = value
                if self._keep is not None:
                    self._keep(value)

    def _headers(self) -> dict[str, str]:
        headers = {}
        if self._principal is not None:
            headers["Authorization"] = f"Bearer {self._minter.mint(self._principal, audience='gateway')}"
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        here = trace.CURRENT.get()
        if here is not None:
            headers |= {"traceparent": here.traceparent, "X-Request-Id": here.request_id}
        return headers


def _read(response: httpx.Response, reader: Callable[[Any], Value], *, status: int = 200) -> Value:
    """Return what the reader makes of the body; ShopUnavailable for another status or a body it cannot read."""
    try:
        if response.status_code != status:
            raise ValueError(response.status_code)
        return reader(response.json())
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        _logger.error("shop_answer_unreadable", status=response.status_code, detail=str(error))
        raise ShopUnavailable(f"unreadable answer, status {response.status_code}") from error


def _says(response: httpx.Response, slug: str) -> bool:
    """Tell whether the answer is that problem."""
    if response.status_code < 400:
        return False
    problem = _read(response, dict, status=response.status_code)
    return problem.get("type") == f"/problems/{slug}"


def _refusal(problem: Mapping[str, Any]) -> OrderRefused:
    """Return why an order was refused; KeyError or ValueError for reasons that a sane request never meets."""
    match problem["type"]:
        case "/problems/insufficient-stock":
            return OutOfStock(tuple(Shortfall.read(shortfall) for shortfall in problem["shortfalls"]))
        case "/problems/idempotency-key-in-flight":
            return KeyInFlight()
        case "/problems/idempotency-key-reused":
            return KeyReused()
        case "/problems/validation":
            errors = {str(error["pointer"]): str(error["detail"]) for error in problem["errors"]}
            address = {pointer.removeprefix("/ship_to/"): detail for pointer, detail in errors.items()}
            if contract.SHIP_TO_MAX.keys() & address.keys():
                return AddressRefused({field: address[field] for field in contract.SHIP_TO_MAX if field in address})
            if any(error["code"] == "unknown_product" for error in problem["errors"]):
                return UnknownProducts()
        case _:
            pass
    raise ValueError(problem["type"])


class _NoCookies(DefaultCookiePolicy):
    """Refuses every cookie, so that nothing one shopper was given goes out with another's request."""

    def __init__(self) -> None:
        super().__init__(allowed_domains=[])


def pooled(*, url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client that shoppers can share: it keeps connections and forgets everything else, cookies above all."""
    client = httpx.Client(base_url=url, transport=transport, trust_env=False, follow_redirects=False)
    client.cookies.jar.set_policy(_NoCookies())
    return client


@cache
def _connection(url: str, key_file: Path) -> tuple[httpx.Client, Minter]:
    """Return this process's connections and signer, made on first use so that forked workers share none."""
    return pooled(url=url), Minter.from_file(issuer="gateway", path=key_file)


def shopper(request: HttpRequest) -> Principal | None:
    """Return who is shopping, None when nobody in particular.

    Staff get no more than a customer's scope here, too: these pages show one's own orders.
    """
    user = request.user
    if not user.is_authenticated:
        return None
    return Principal(
        subject=str(user.pk),
        kind="staff" if getattr(user, "is_staff", False) else "customer",
        scopes=frozenset({"orders"}),
    )


def open_shop(request: HttpRequest) -> Shop:
    """Return the shop in the name of whoever sent the request."""
    http, minter = _connection(settings.GATEWAY_URL, settings.IDENTITY_KEY_FILE)
    return Shop(
        http=http,
        minter=minter,
        principal=shopper(request),
        cookies=_routing_cookies(request),
        # As if the browser had had it all along: see `views.pages.page`, which gives it to the browser.
        keep=partial(request.COOKIES.__setitem__, position.COOKIE),
    )


def _routing_cookies(request: HttpRequest) -> dict[str, str]:
    """Return the shopper's cookies that say which side may answer, so that pages and API agree.

    Who is asking goes along as a token, not as a cookie. Whether a cookie can be believed is the data plane's to say;
    here it only must not break out of its place in the header.
    """
    sent = {name: request.COOKIES.get(name, "") for name in (visitor.COOKIE, override.COOKIE, position.COOKIE)}
    return {name: value for name, value in sent.items() if _COOKIE_VALUE.fullmatch(value)}
