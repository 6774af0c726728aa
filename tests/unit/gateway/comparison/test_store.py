from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connections, transaction
from django.utils import timezone

from gateway.accounts.models import User
from gateway.comparison import store
from gateway.comparison.models import Endpoint, Example, Field, IgnoreRule
from gateway.comparison.reset import reset
from gateway.comparison.store import ComparisonStore, read_rules, write
from gateway.proxy.ignore import Rule, Rules
from gateway.proxy.shadow import Compared

T = TypeVar("T")

pytestmark = pytest.mark.django_db


def ignore(pattern: str, **changes) -> IgnoreRule:
    return IgnoreRule.objects.create(
        pattern=pattern, reason="clocks differ", created_by="ops", created_at=timezone.now(), **changes
    )


def in_thread(work: Callable[[], T]) -> Awaitable[T]:
    return asyncio.get_running_loop().run_in_executor(None, work)


def test_batches_add_up(make):
    for _ in range(2):
        write([make({"a": 1}, {"a": 2}), make({"a": 1}, {"a": 1})])
    endpoint = Endpoint.objects.get()
    assert (endpoint.equal, endpoint.different, endpoint.compared, endpoint.mismatch) == (2, 2, 4, 0.5)
    assert list(Field.objects.values_list("path", "kind", "differing")) == [("a", "value", 2)]


def test_failures_and_drops_are_counted_apart():
    write(
        [
            Compared(capability="orders", method="GET", route="/orders", result="failed"),
            Compared(capability="orders", method="GET", route="/orders", result="dropped", times=40),
        ]
    )
    endpoint = Endpoint.objects.get()
    assert (endpoint.failed, endpoint.dropped, endpoint.compared, endpoint.mismatch) == (1, 40, 0, None)


def test_the_sample_is_counted_in_pairs(make):
    write(
        [
            make({"a": 1}, {"a": 2}, again={"a": 1}),
            make({"a": 1}, {"a": 2}, again={"a": 3}),
            make({"a": 1}, {"a": 1}, again={"a": 3}),
            make({"a": 1}, {"a": 1}, again={"a": 1}),
            make({"a": 1}, {"a": 2}),
        ]
    )
    assert Endpoint.objects.get().sampled == 4
    field = Field.objects.get()
    assert (field.differing, field.only_candidate, field.only_control, field.both) == (3, 1, 1, 1)


def test_examples_are_bounded_redacted_and_not_renewed_at_once(make):
    document = {"customer": "c-4711", "a": 1}
    for _ in range(14):
        write([make(document, {**document, "a": 2}, target=b"/products?customer=c-4711")])
    assert Example.objects.count() == store.EXAMPLES_KEPT
    example = Example.objects.first()
    assert example is not None
    kept = f"{example.target} {example.primary_body} {example.candidate_body}"
    assert "c-4711" not in kept and '"a": 1' in example.primary_body and '"a": 2' in example.candidate_body
    assert [example.candidate_body.split("\n")[line].strip() for line in example.candidate_marked] == ['"a": 2']


def test_the_newest_examples_stay(make, monkeypatch):
    monkeypatch.setattr(store, "EXAMPLE_SECONDS", -1)
    for number in range(14):
        # Committed one by one, as time stands still within a transaction.
        write([make({"a": 1}, {"a": 2}, target=f"/products/S{number}".encode())])
    kept = set(Example.objects.values_list("target", flat=True))
    assert kept == {f"/products/S{number}" for number in range(4, 14)}


def test_an_endpoint_keeps_no_endless_fields(make, monkeypatch):
    monkeypatch.setattr(store, "FIELDS_KEPT", 5)
    for start in range(0, 12, 3):
        write([make({f"f{n}": 1 for n in range(start, start + 3)}, {})])
    assert Field.objects.count() == 5
    write([make({"f0": 1}, {})])
    assert Field.objects.get(path="f0").differing == 2


def test_rules_are_counted(make):
    rule = ignore("a")
    rules = Rules([Rule(id=rule.pk, capability=None, pattern="a")])
    write([make({"a": 1}, {"a": 2}, rules=rules)] * 3)
    rule.refresh_from_db()
    assert rule.ignored == 3 and rule.last_ignored_at is not None
    assert (Endpoint.objects.get().equal, Field.objects.count()) == (3, 0)


def test_active_rules_are_read_and_broken_ones_are_not():
    ignore("a")
    ignore("b", active=False)
    ignore("c", capability="orders")
    ignore("results[0]")
    rules = read_rules()
    asked = [("a", "products"), ("b", "products"), ("c", "products"), ("c", "orders"), ("results[0]", "products")]
    ignored = [rules.ignoring(path, capability=capability) is not None for path, capability in asked]  # type: ignore[arg-type]
    assert ignored == [True, False, False, True, False]


@pytest.mark.django_db(transaction=True)
def test_workers_that_write_at_once_lose_nothing(make):
    fields = [f"f{number}" for number in range(8)]

    def work(turn: int) -> None:
        # Each takes the rows in an order of its own.
        ours = fields if turn % 2 else fields[::-1]
        try:
            for _ in range(10):
                batch = [make({name: 1}, {name: 2}, route=f"/{name}") for name in ours]
                write([*batch, make(dict.fromkeys(ours, 1), dict.fromkeys(ours, 2))])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, turn) for turn in range(4)]:
            done.result(120)
    assert set(Field.objects.values_list("differing", flat=True)) == {40}
    assert Field.objects.count() == 16
    assert sum(endpoint.different for endpoint in Endpoint.objects.all()) == 40 * 9


@pytest.mark.django_db(transaction=True)
def test_counting_anew_while_workers_write_loses_no_write(make):
    by = User.objects.create_superuser("ops@example.com", "a long enough password")
    stop = threading.Event()
    written = 0

    def work() -> None:
        nonlocal written
        try:
            while not stop.is_set():
                write([make({"a": 1}, {"a": 2})])
                written += 1
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(work)
        try:
            for turn in range(20):
                seen = written
                while written == seen and not writing.done():
                    stop.wait(0.001)
                reset(capability="products", by=by, reason=f"turn {turn}")
        finally:
            stop.set()
        writing.result(60)
    assert Field.objects.count() <= 1
    assert set(Field.objects.values_list("differing", flat=True)) == set(
        Endpoint.objects.values_list("different", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_the_store_follows_the_rules_and_keeps_them_when_the_database_is_away():
    broken = threading.Event()

    def run(work: Callable[[], T]) -> Awaitable[T]:
        if broken.is_set():
            raise OSError("away")
        return in_thread(work)

    async def scenario() -> None:
        kept = ComparisonStore(run=run, rules_seconds=0.01)
        assert kept.rules().ignoring("a", capability="products") is None
        kept.start()
        await asyncio.to_thread(_committed_rule)
        await _until(lambda: kept.rules().ignoring("a", capability="products") is not None)
        broken.set()
        await asyncio.sleep(0.1)
        assert kept.rules().ignoring("a", capability="products") is not None
        broken.clear()
        await asyncio.to_thread(_no_rule)
        await _until(lambda: kept.rules().ignoring("a", capability="products") is None)
        await kept.close()

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_kept_whole_or_not_at_all(make, monkeypatch):
    monkeypatch.setattr(store, "_FIELDS", store._FIELDS.replace("comparison_field", "comparison_nowhere"))

    async def scenario() -> None:
        kept = ComparisonStore(run=in_thread)
        with pytest.raises(Exception, match="comparison_nowhere"):
            await kept.write([make({"a": 1}, {"a": 2})])

    asyncio.run(scenario())
    assert not Endpoint.objects.exists()


def _committed_rule() -> None:
    with transaction.atomic():
        ignore("a")
    connections.close_all()


def _no_rule() -> None:
    IgnoreRule.objects.all().delete()
    connections.close_all()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
