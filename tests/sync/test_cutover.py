"""services.sync.cutover, under writers, in both directions, killed after every step."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack

import psycopg
import pytest

from services.ownership.schema import BUCKETS
from services.sync import records
from services.sync.arm import arm
from services.sync.cutover import STEPS, Limits, Report, lock_name, move
from services.sync.databases import connect, leading
from services.sync.doctor import examine, repair
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES, Side, other
from services.sync.owners import Databases
from services.sync.settle import settle
from tests.sync import write
from tests.sync.conftest import Databases as Urls
from tests.sync.crash import killed_after
from tests.sync.moving import ALL, SIDES, everything, states, toggle
from tests.sync.traffic import Traffic, begin, nothing_lost, one_owner, relay


@pytest.fixture(autouse=True)
def toggles(clean: Urls) -> None:
    """Routing as it began."""
    with psycopg.connect(clean["gateway"]) as gateway:
        gateway.execute("UPDATE routing_toggle SET writes = 0 WHERE writes <> 0")


@pytest.fixture
def shop(toggles: None, request: pytest.FixtureRequest) -> str:
    """A capability with rows at both sides, all owned by the monolith."""
    capability: str = getattr(request, "param", "orders")
    arm(CAPABILITIES[capability])
    begin(capability)
    relay(capability)
    return capability


@pytest.mark.parametrize("shop", ["orders", "products"], indirect=True)
def test_moves_everything_there_and_back_while_people_write(shop: str) -> None:
    with Traffic(shop) as traffic:
        traffic.progress()
        there = everything(shop, "service", limits=Limits())
        assert set(one_owner(shop).values()) == {("service", 2)}
        assert toggle(shop) == (1024, "test", "a test")
        traffic.progress(30)
        back = everything(shop, "monolith", limits=Limits())
        assert set(one_owner(shop).values()) == {("monolith", 3)}
        assert toggle(shop)[0] == 0
        traffic.progress(30)
    nothing_lost(traffic)
    for report in (there, back):
        assert (report.moved, report.failed, report.already) == (BUCKETS[shop], [], 0)
        assert len(report.pauses) == len(report.outcomes) and report.longest is not None
    assert set(states()) == {"done"}
    assert {one.side for one in traffic.acknowledged} == {"monolith", "service"}


def test_moves_any_set_of_buckets(shop: str) -> None:
    report = move(shop, [700, 3, 4, 900], "service", limits=Limits(batch=3))
    assert [list(outcome.buckets) for outcome in report.outcomes] == [[3, 4, 700], [900]]
    owned = {bucket for bucket, (side, _) in one_owner(shop).items() if side == "service"}
    assert owned == {3, 4, 700, 900}
    # Routing can only say the first few.
    assert toggle(shop)[0] == 0
    report = move(shop, range(6), "service")
    assert (report.moved, report.already) == (4, 2)
    assert toggle(shop)[0] == 6
    report = move(shop, [4, 5, 6, 700], "monolith", limits=Limits(batch=1))
    # What came last goes first.
    assert [list(outcome.buckets) for outcome in report.outcomes] == [[700], [5], [4]]
    assert report.already == 1 and toggle(shop)[0] == 4
    assert examine(shop).well


def test_moving_what_is_there_changes_nothing_but_routing(shop: str) -> None:
    assert everything(shop, "monolith").already == 1024
    assert (states(), one_owner(shop)[0]) == ([], ("monolith", 1))
    with connect("gateway") as gateway:
        gateway.execute("UPDATE routing_toggle SET writes = 512 WHERE capability = 'orders'")
    everything(shop, "monolith")
    assert toggle(shop)[0] == 0


def test_arms_both_sides_when_nobody_has(clean: Urls) -> None:
    everything("products", "service")
    assert one_owner("products") == {0: ("service", 2)}


def test_refuses_to_hand_over_to_a_side_that_was_never_given_the_rows(clean: Urls) -> None:
    with connect("legacy") as legacy:
        write.order(legacy, "monolith", number=write.number(), customer="c-1")
    with pytest.raises(Refused, match=r"the service holds no orders: \./manage\.py sync backfill orders"):
        everything("orders", "service")
    assert set(one_owner("orders").values()) == {("monolith", 1)}


def test_refuses_buckets_that_there_are_not(shop: str) -> None:
    with pytest.raises(Refused, match="orders has no bucket 1024"):
        move(shop, [1024], "service")


def test_one_mover_at_a_time(shop: str) -> None:
    with connect("gateway") as gateway, leading(gateway, lock_name(shop)) as mine:
        assert mine
        with pytest.raises(Refused, match="somebody else moves orders"):
            everything(shop, "service")
    # The lock is lost with its connection; the record is not.
    with connect("gateway") as gateway:
        values = {"capability": shop, "source": "monolith", "target": "service", "epoch": 2, "by": "", "reason": ""}
        records.begin(gateway, buckets=[1], **values)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="another move of orders is open"):
            records.begin(gateway, buckets=[2], **values)  # type: ignore[arg-type]


def test_two_movers_at_once_take_turns_or_are_refused(shop: str) -> None:
    done: list[Report] = []
    failed: list[BaseException] = []

    def mover(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(6):
            buckets = chance.sample(range(1024), 200)
            try:
                done.append(move(shop, buckets, chance.choice(SIDES), limits=Limits(batch=100), chance=chance))
            except Refused:
                time.sleep(0.05)
            except BaseException as error:
                failed.append(error)
                raise

    with Traffic(shop) as traffic:
        movers = [threading.Thread(target=mover, args=(seed,)) for seed in range(2)]
        for thread in movers:
            thread.start()
        for thread in movers:
            thread.join()
        traffic.progress()
    assert not failed and done and not any(report.failed for report in done)
    one_owner(shop)
    nothing_lost(traffic)


@pytest.mark.parametrize("to", SIDES)
@pytest.mark.parametrize("shop", ["orders", "products"], indirect=True)
def test_killed_after_any_step_leaves_what_the_doctor_repairs(clean: Urls, shop: str, to: Side) -> None:
    source, count = other(to), BUCKETS[shop]
    batch, batches = (512, 2) if count > 1 else (1, 1)
    epochs = {bucket: epoch for bucket, (_, epoch) in one_owner(shop).items()}
    with Traffic(shop) as traffic:
        for number, step in enumerate(STEPS):
            everything(shop, source)
            traffic.progress(3)
            nth = 1 + number % batches
            killed_after(step, databases=clean, capability=shop, buckets=ALL[shop], to=to, batch=batch, nth=nth)
            # Its session may take a moment to end, and until then it counts as a mover at work.
            until = time.monotonic() + 10
            while (found := examine(shop)).moving:
                assert time.monotonic() < until
                time.sleep(0.01)
            assert found.well, (step, found.findings)
            assert len(found.repaired) == (step != "done"), (step, found.repaired)
            owners = one_owner(shop)
            decided = STEPS.index(step) >= STEPS.index("decided")
            moved = {bucket for bucket, (side, _) in owners.items() if side == to}
            assert len(moved) == batch * (nth if decided else nth - 1), step
            assert all(epoch > epochs[bucket] for bucket, (_, epoch) in owners.items() if bucket in moved), step
            assert all(epoch >= epochs[bucket] for bucket, (_, epoch) in owners.items()), step
            epochs = {bucket: epoch for bucket, (_, epoch) in owners.items()}
            traffic.progress(3)
    nothing_lost(traffic)
    assert set(states()) == {"done", "abandoned"}


def _kill_sessions() -> None:
    """Take the mover's connections to the control plane away from it, as a network would."""
    with connect("gateway", name="network") as gateway:
        gateway.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'sync move'"
        )


def _settle_regardless(capability: str) -> None:
    """Do what the doctor does, and let the mover keep its lock and its connections."""
    with ExitStack() as stack:
        databases = Databases.open(stack, capability=capability)
        for record in records.open_ones(databases.gateway, capability):
            settle(databases, record, reason="taken for dead")


@pytest.mark.parametrize(
    ("shop", "to", "way"),
    [
        ("orders", "service", "lock lost"),
        ("orders", "monolith", "lock kept"),
        ("products", "service", "lock kept"),
        ("products", "monolith", "lock lost"),
    ],
    indirect=["shop"],
)
def test_a_mover_that_wakes_up_after_the_doctor_changes_nothing(shop: str, way: str, to: Side) -> None:
    # A thousand buckets take longer than one, and what differs is only whether all of them are counted.
    for step in STEPS if shop == "products" else ("armed", "fence", "decided", "own"):
        everything(shop, other(to))
        before = one_owner(shop)
        left: dict[str, object] = {}

        def sleep(done: str, step: str = step, left: dict[str, object] = left) -> None:
            if done != step or left:
                return
            if way == "lock lost":
                _kill_sessions()
                assert len(repair([shop])) == (step != "done")
            else:
                _settle_regardless(shop)
            left.update(owners=one_owner(shop), toggle=toggle(shop))

        report = everything(shop, to, after=sleep)
        decided = STEPS.index(step) >= STEPS.index("decided")
        assert decided or report.failed, step
        assert one_owner(shop) == left["owners"], step
        assert toggle(shop) == left["toggle"], step
        assert left["owners"] != before, "a record that was given up raises the epoch"
        assert examine(shop, dry_run=True).well, step


@pytest.mark.parametrize("shop", ["products"], indirect=True)
@pytest.mark.parametrize("after_that", [("service", "monolith"), ("monolith", "service")])
def test_a_mover_that_was_overtaken_by_other_moves_changes_nothing(shop: str, after_that: tuple[Side, Side]) -> None:
    for step in STEPS:
        everything(shop, "monolith")
        left: dict[str, object] = {}

        def sleep(done: str, step: str = step, left: dict[str, object] = left) -> None:
            if done != step or left:
                return
            left["asleep"] = True
            _settle_regardless(shop)
            # With them goes the lock.
            _kill_sessions()
            for to in after_that:
                assert not everything(shop, to).failed
            left["owners"] = one_owner(shop)

        everything(shop, "service", after=sleep)
        assert one_owner(shop) == left["owners"], step
        assert examine(shop, dry_run=True).well, step


@pytest.mark.parametrize("shop", ["products"], indirect=True)
def test_a_mover_that_is_interrupted_settles_at_once(shop: str) -> None:
    for step in STEPS:
        everything(shop, "monolith")

        def interrupt(done: str, step: str = step) -> None:
            if done == step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            everything(shop, "service", after=interrupt)
        found = examine(shop, dry_run=True)
        assert (found.well, found.view.records) == (True, []), found.findings
        decided = STEPS.index(step) >= STEPS.index("decided")
        assert {side for side, _ in one_owner(shop).values()} == {"service" if decided else "monolith"}


def test_a_writer_under_way_is_waited_for(shop: str) -> None:
    number, bucket = write.number(), 0
    with connect("legacy") as legacy, ExitStack() as stack:
        with legacy.transaction():
            write.order(legacy, "monolith", number=number, customer="c-7")
            row = legacy.execute("SELECT max(bucket) FROM ownership_outbox").fetchone()
            assert row
            bucket = row[0]
            mover = threading.Thread(target=everything, args=(shop, "service"))
            mover.start()
            # What it has written is not there for a drain to see: nobody may decide yet.
            time.sleep(0.4)
            assert states() == ["armed"]
        stack.callback(mover.join)
    assert one_owner(shop)[bucket] == ("service", 2)
    with connect("orders") as orders:
        assert orders.execute("SELECT FROM orders_order WHERE number = %s", [number]).fetchone() is not None


def test_rows_that_are_being_applied_at_the_target_are_waited_for(shop: str) -> None:
    committed: list[str] = []

    def apply(held: threading.Event) -> None:
        with connect("orders") as orders, orders.transaction():
            orders.execute("SELECT pg_advisory_xact_lock_shared(7302, 5)")
            held.set()
            time.sleep(0.3)
            committed.append("applied")

    def after(done: str) -> None:
        if done == "decided":
            held = threading.Event()
            threading.Thread(target=apply, args=(held,)).start()
            assert held.wait(10)
        if done == "own":
            committed.append("own")

    assert not everything(shop, "service", after=after).failed
    assert committed == ["applied", "own"]


def test_a_batch_that_fails_leaves_the_others_alone(shop: str) -> None:
    with connect("legacy") as legacy:
        legacy.execute(
            "INSERT INTO ownership_outbox "
            " (capability, bucket, epoch, aggregate, root, key, op, payload, failed_at, reason)"
            " VALUES ('orders', 300, 1, 'order', 'T-x', '[\"T-x\"]', 'U', '{}', now(), 'a test')"
        )
    report = everything(shop, "service", limits=Limits(batch=256, lag_seconds=0.1))
    assert [list(outcome.buckets) for outcome in report.failed] == [list(range(256, 512))]
    assert report.failed[0].reason.startswith("1 changes of these buckets could not be applied at the service")
    assert report.moved == 768
    owners = one_owner(shop)
    assert {owners[bucket] for bucket in range(256, 512)} == {("monolith", 3)}
    assert {owners[bucket][0] for bucket in (*range(256), *range(512, 1024))} == {"service"}
    assert toggle(shop)[0] == 256
    assert sorted(states()) == ["abandoned", "done", "done", "done"]


def test_gives_up_when_changes_are_not_relayed_in_time(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect("legacy") as sender, leading(sender, "relay.orders.monolith") as mine:
        assert mine
        # Somebody leads, and does nothing.
        with connect("legacy") as legacy:
            write.order(legacy, "monolith", number=write.number(), customer="c-1")
        report = everything(shop, "service", limits=Limits(batch=1024, drain_seconds=0.2))
        assert [outcome.reason for outcome in report.failed] == ["4 changes were not relayed within 0.2 s"]
        assert set(one_owner(shop).values()) == {("monolith", 3)}
        time.sleep(0.3)
        report = everything(shop, "service", limits=Limits(batch=1024, lag_seconds=0.2, lag_age=0.1))
        assert "wait to be relayed" in report.failed[0].reason
        assert "fenced" not in states()
    relay(shop)
    assert not everything(shop, "service").failed


@pytest.mark.parametrize("shop", ["products"], indirect=True)
@pytest.mark.parametrize(("held", "gets_in"), [(0.03, True), (0.25, False)])
def test_writers_that_overlap_for_ever_let_the_fence_in_or_are_left_alone(
    shop: str, held: float, gets_in: bool
) -> None:
    stop = threading.Event()
    waited: list[float] = []

    def hold(number: int) -> None:
        with connect("legacy") as legacy:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    with legacy.transaction():
                        write.product(legacy, "monolith", sku=f"H-{number}-{began}")
                        waited.append(time.monotonic() - began)
                        stop.wait(held)
                except psycopg.Error as error:
                    if error.sqlstate != "TC421":
                        raise
                    stop.wait(0.01)

    holders = [threading.Thread(target=hold, args=(number,)) for number in range(4)]
    for number, thread in enumerate(holders):
        thread.start()
        time.sleep(held / 4 if number < 3 else 0.1)
    try:
        report = everything(shop, "service", limits=Limits(fence_tries=12))
    finally:
        stop.set()
        for thread in holders:
            thread.join()
    print(f"{len(waited)} writes, the longest wait {1000 * max(waited):.0f} ms, {report.outcomes}")
    assert bool(report.failed) is not gets_in
    if not gets_in:
        assert report.failed[0].reason.endswith("held the buckets for more than 80 ms, 12 times in a row")
    # Twice what one attempt may take, on a machine that does other things as well.
    assert max(waited) < 1.0
    one_owner(shop)


@pytest.mark.parametrize("to", SIDES)
def test_ends_the_leases_of_placements_that_ran_at_the_former_owner(shop: str, to: Side) -> None:
    everything(shop, other(to))
    component = CAPABILITIES[shop].component
    with connect(component(other(to))) as source:
        for key, answer in (("running", ""), ("answered", "{}")):
            values = {"customer": "c-1", "key": key, "number": write.number(), "answer": answer}
            write.key(source, other(to), **values, created=_in_an_hour(source))  # type: ignore[arg-type]
    everything(shop, to)
    relay(shop)
    for side in SIDES:
        table = "sales_idempotencykey" if side == "monolith" else "orders_idempotencykey"
        with connect(component(side)) as connection:
            ended: dict[str, bool] = dict(
                connection.execute(f"SELECT key, lease_until <= now() FROM {table}").fetchall()
            )
        assert ended == {"running": True, "answered": False}, side


def _in_an_hour(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    row = connection.execute("SELECT now() + interval '1 hour'").fetchone()
    assert row
    return row[0]
