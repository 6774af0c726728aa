"""Shoppers and staff of the real shop, through the gateway, who write down whatever they ask and are answered.

What each of them does is decided by a seed; what they are answered, and so when they ask again, is not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

import httpx

from services.chassis import contract
from services.chassis.identity import Minter, Principal
from tests.history.history import Act, Event
from tests.support.shop import SHIP_TO, STAFF, Caller, customer

PATIENCE: Final = 40.0
"""Seconds, and more than the gateway's own limit: who waits that long has really not been answered."""
_TOKEN_SECONDS: Final = 3600
_ORDERS_EACH: Final = 40
"""Then somebody else comes: nobody's orders fill a second page."""
_TRIES: Final = 60
_PAGE: Final = 100

Keeps = Literal["cookies", "header"]
"""How a client keeps what the shop gives it to keep: a browser its cookies, another the position's field."""


@dataclass(slots=True)
class Recorder:
    """What everybody has asked and been answered, and what they know together."""

    url: str
    minter: Minter
    skus: Sequence[str]
    events: list[Event] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    """The numbers of all that was placed."""
    status: dict[str, str] = field(default_factory=dict)
    """The last status that anybody has seen of an order."""
    customers: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def shop(self, *, seed: str, shoppers: int, staff: int, rate: float) -> None:
        """Let people come and go until told to stop, with about so many requests per second in all."""
        # A visit to the shop is some three requests: what was done is looked at.
        pause = 3.0 * (shoppers + staff) / rate
        visits = [self._visits(Random(f"{seed}/{slot}"), slot, pause) for slot in range(shoppers)]
        clerks = [Clerk(self, Random(f"{seed}/staff/{n}"), n).work(pause) for n in range(staff)]
        async with asyncio.TaskGroup() as group:
            for each in (*visits, *clerks):
                group.create_task(each)

    async def _visits(self, chance: Random, slot: int, pause: float) -> None:
        while not self.stopping.is_set():
            name = customer(f"c-{slot}-{chance.getrandbits(40):010x}")
            self.customers.append(name.subject)
            await Shopper(self, name, chance, "header" if slot % 3 == 2 else "cookies").shop(pause)


class Client:
    """Somebody with a token, and what the shop has given them to keep."""

    def __init__(self, recorder: Recorder, caller: Caller, chance: Random, keeps: Keeps) -> None:
        self.recorder = recorder
        self.name = caller.subject
        self.chance = chance
        self._keeps = keeps
        self._positions: dict[str, str] = {}
        principal = Principal(caller.subject, caller.kind, caller.scopes)
        token = recorder.minter.mint(principal, audience="gateway", lifetime=_TOKEN_SECONDS)
        self._token = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=recorder.url, trust_env=False, timeout=PATIENCE)

    @property
    def stopping(self) -> bool:
        return self.recorder.stopping.is_set()

    async def close(self) -> None:
        await self._http.aclose()

    async def rest(self, mean: float) -> None:
        """Wait a while, or until it is time to stop."""
        try:
            async with asyncio.timeout(min(self.chance.expovariate(1 / mean), 4 * mean)):
                await self.recorder.stopping.wait()
        except TimeoutError:
            return

    async def ask(
        self,
        method: str,
        path: str,
        *,
        act: Act,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
        anonymous: bool = False,
        **about: Any,
    ) -> Event:
        """Ask once, write down what came of it, and return that. `about` is what the request means."""
        sent = {**({} if anonymous else self._token), **(headers or {})}
        if self._positions and method == "GET":
            sent["TechCommerce-Position"] = ", ".join(self._positions.values())
        began = time.monotonic()
        said: dict[str, Any] = {"code": None}
        try:
            async with asyncio.timeout(patience):
                response = await self._http.request(method, path, json=json, headers=sent)
        except TimeoutError:
            said["gave_up"] = True
        except httpx.HTTPError as error:
            said["problem"] = f"{type(error).__name__} {error}".strip()
        else:
            said = {"code": response.status_code, "request": response.headers.get("X-Request-Id", "")}
            said |= _read(act, response)
            self._keep(method, response)
        event = Event(began=began, ended=time.monotonic(), who=self.name, act=act, **{**about, **said})
        self.recorder.events.append(event)
        if event.order is not None:
            self.recorder.status[event.number] = event.order["status"]
        return event

    def _keep(self, method: str, response: httpx.Response) -> None:
        if self._keeps == "cookies":
            return
        self._http.cookies.clear()
        if method != "GET":
            for one in filter(None, response.headers.get("TechCommerce-Position", "").split(", ")):
                self._positions[one.partition("=")[0]] = one


class Shopper(Client):
    """A customer, who looks around, buys, doubts, looks again and changes their mind."""

    def __init__(self, recorder: Recorder, caller: Caller, chance: Random, keeps: Keeps) -> None:
        super().__init__(recorder, caller, chance, keeps)
        self._keys = 0
        self._mine: list[str] = []

    async def shop(self, pause: float) -> None:
        """Come back again and again, until told to stop or there are orders enough."""
        acts = (self.browse, self.buy, self.buy, self.buy, self.cancel, self.look, self.look)
        try:
            while not self.stopping and self._keys < _ORDERS_EACH:
                await self.rest(pause)
                await self.chance.choice(acts)()
        finally:
            await self.close()

    async def browse(self) -> None:
        """Look at products, sometimes before saying who one is."""
        anonymous = self.chance.random() < 0.5
        sku = self.chance.choice(self.recorder.skus)
        chosen = ",".join(self.recorder.skus)
        await self.ask("GET", f"/products?sku={chosen}&page_size=100", act="products", anonymous=anonymous)
        await self.ask("GET", f"/products/{sku}", act="product", anonymous=anonymous, sku=sku)

    async def buy(self) -> None:
        """Place an order, at times twice at once, at times without waiting for the answer, until it is known."""
        self._keys += 1
        key = f"{self.name}-{self._keys}"
        # More of what there is plenty of, now and then the same as everybody wants.
        chosen = self.chance.sample(self.recorder.skus, self.chance.choice((1, 1, 2, 3)))
        lines = {sku: self.chance.choice((1, 1, 2)) for sku in chosen}
        match self.chance.choice(("once", "once", "once", "twice", "twice", "hasty")):
            case "once":
                events = [await self._place(key, lines)]
            case "twice":
                events = list(await asyncio.gather(self._place(key, lines), self._place(key, lines)))
            case _:
                events = [await self._place(key, lines, patience=self.chance.uniform(0.005, 0.1))]
        told = await self._until_known(key, lines, events)
        if told is None:
            return
        self._mine.append(told.number)
        self.recorder.orders.append(told.number)
        await self._see(told.number)
        if self.chance.random() < 0.2:
            await self._place(key, lines)
            await self._see(told.number)

    async def cancel(self) -> None:
        """Cancel an order of one's own, until it is known whether it is."""
        if not self._mine:
            return
        number = self._mine.pop(self.chance.randrange(len(self._mine)))
        patience = self.chance.uniform(0.005, 0.1) if self.chance.random() < 0.2 else None
        for _ in range(_TRIES):
            path = f"/orders/{number}/cancel"
            event = await self.ask("POST", path, act="cancel", patience=patience, number=number, to="cancelled")
            if not event.unknown:
                break
            patience = None
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        await self._see(number)

    async def look(self) -> None:
        """Look at all one's orders, and at one of them."""
        await self._list()
        if self._mine:
            await self._see(self.chance.choice(self._mine))

    async def _place(self, key: str, lines: Mapping[str, int], *, patience: float | None = None) -> Event:
        body = {"lines": [{"sku": sku, "quantity": lines[sku]} for sku in lines], "ship_to": SHIP_TO}
        headers = {"Idempotency-Key": key}
        return await self.ask(
            "POST", "/orders", act="place", json=body, headers=headers, patience=patience, key=key, lines=lines
        )

    async def _until_known(self, key: str, lines: Mapping[str, int], events: Sequence[Event]) -> Event | None:
        """Try again under the same key until the order is there, and return the answer, or None when it was refused."""
        for _ in range(_TRIES):
            told = next((event for event in events if event.acknowledged), None)
            if told is not None:
                return told
            if any(event.problem == "insufficient-stock" for event in events):
                return None
            # Who gave up asks again at once, while the first request may still be at work.
            busy = any(event.problem == "idempotency-key-in-flight" for event in events)
            await asyncio.sleep(self.chance.uniform(0.1, 0.6) if busy else self.chance.uniform(0.0, 0.2))
            events = [await self._place(key, lines)]
        return None

    async def _see(self, number: str) -> None:
        await self.ask("GET", f"/orders/{number}", act="order", number=number)
        if self.chance.random() < 0.4:
            await self._list()

    async def _list(self) -> None:
        await self.ask("GET", f"/orders?page_size={_PAGE}", act="orders")


class Clerk(Client):
    """One of the staff, who moves orders on, looks whether they are, and describes products anew."""

    def __init__(self, recorder: Recorder, chance: Random, number: int) -> None:
        caller = Caller(f"staff-{number}", STAFF.kind, STAFF.scopes)
        super().__init__(recorder, caller, chance, "header" if number % 2 else "cookies")
        # A product is described by one person, who knows what came last.
        self._describes = number == 0

    async def work(self, pause: float) -> None:
        """Work until told to stop."""
        try:
            while not self.stopping:
                await self.rest(pause)
                if self._describes and self.chance.random() < 0.3:
                    await self.describe()
                elif self.recorder.orders:
                    await self.move_on()
        finally:
            await self.close()

    async def move_on(self) -> None:
        """Take a recent order to the next status, or cancel it, and look."""
        number = self.chance.choice(self.recorder.orders[-60:])
        ways = [to for before, to in sorted(contract.TRANSITIONS) if before == self.recorder.status[number]]
        if not ways:
            return
        to = ways[-1] if self.chance.random() < 0.8 else ways[0]
        for _ in range(_TRIES):
            path = f"/orders/{number}/status"
            event = await self.ask("POST", path, act="status", json={"status": to}, number=number, to=to)
            if not event.unknown:
                break
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        await self.ask("GET", f"/orders/{number}", act="order", number=number)

    async def describe(self) -> None:
        """Give a product another description, and look."""
        sku = self.chance.choice(self.recorder.skus)
        for _ in range(_TRIES):
            # Each attempt is an edit of its own: what is there tells which one it was.
            note = self.recorder.notes[sku] = self.recorder.notes.get(sku, 0) + 1
            event = await self.ask(
                "PATCH", f"/products/{sku}", act="edit", json={"description": f"edit {note}"}, sku=sku, note=note
            )
            if not event.unknown:
                break
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        await self.ask("GET", f"/products/{sku}", act="product", sku=sku)


def note_of(product: Mapping[str, Any]) -> int:
    """Return which edit a product shows; 0 when none."""
    description: str = product["description"]
    return int(description.removeprefix("edit ")) if description.startswith("edit ") else 0


def _read(act: Act, response: httpx.Response) -> dict[str, Any]:
    """Return what an answer says that matters."""
    try:
        body = response.json()
        if response.status_code >= 400:
            found: dict[str, Any] = {"problem": body["type"].removeprefix("/problems/")}
            if "shortfalls" in body:
                found["stock"] = {short["sku"]: short["available"] for short in body["shortfalls"]}
            return found
        return dict(_told(act, body, response))
    except (ValueError, KeyError, TypeError) as error:
        return {"problem": f"unreadable: {error!r} in {response.text[:200]!r}"}


def _told(act: Act, body: Mapping[str, Any], response: httpx.Response) -> Iterator[tuple[str, Any]]:
    match act:
        case "place" | "cancel" | "status" | "order":
            yield "number", body["number"]
            yield "order", body
            yield "replayed", response.headers.get("Idempotency-Replayed") == "true"
        case "orders":
            if body["pages"] == 1:
                yield "listed", {order["number"]: order["status"] for order in body["results"]}
        case "product" | "edit":
            yield "sku", body["sku"]
            yield "note", note_of(body)
            yield "stock", {body["sku"]: body["stock"]}
        case "products":
            yield "stock", {product["sku"]: product["stock"] for product in body["results"]}


@contextmanager
def recording(recorder: Recorder, *, seed: str, shoppers: int, staff: int, rate: float) -> Iterator[None]:
    """Let people shop, in a thread of their own, for as long as the block lasts."""
    from threading import Thread

    raised: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await recorder.shop(seed=seed, shoppers=shoppers, staff=staff, rate=rate)

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            raised.append(error)

    thread = Thread(target=main, name="shoppers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        if loops:
            loops[0].call_soon_threadsafe(recorder.stopping.set)
        thread.join(120)
        assert not thread.is_alive(), "the shoppers do not leave"
    if raised:
        raise raised[0]
