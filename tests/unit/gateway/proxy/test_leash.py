# ruff: noqa: PT012, SIM117
"""The block that a leash ends is what is tested, so it is written out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.proxy.leash import ClientGone, DeadlinePassed, Leashes

LONG = 60.0


class Client:
    """What a server says of a client, for the task that makes it."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.callback: Callable[[], object] | None = None
        self.left = False

    def on_gone(self, callback: Callable[[], object] | None) -> None:
        self.callback = callback
        if callback is not None and self.left:
            callback()

    def leave(self) -> None:
        self.left = True
        if self.callback is not None:
            self.callback()


def run(scenario):
    async def bounded():
        async with asyncio.timeout(30):
            return await scenario()

    return asyncio.run(bounded())


def cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def leash(client: Client, *, seconds: float = LONG):
    return Leashes().leash(loop=asyncio.get_running_loop(), exchange=client, seconds=seconds)


def test_the_deadline_ends_the_wait():
    async def scenario():
        with pytest.raises(DeadlinePassed):
            with leash(Client(), seconds=0.01):
                await asyncio.sleep(LONG)
        # The task goes on, as if it had never been cancelled.
        await asyncio.sleep(0)
        assert not cancelling()

    run(scenario)


def test_a_client_who_leaves_ends_the_wait():
    async def scenario():
        client = Client()
        with pytest.raises(ClientGone):
            with leash(client):
                asyncio.get_running_loop().call_soon(client.leave)
                await asyncio.sleep(LONG)
        await asyncio.sleep(0)
        assert not cancelling()

    run(scenario)


def test_a_client_who_has_left_already_is_not_waited_for():
    async def scenario():
        client = Client()
        client.leave()
        with pytest.raises(ClientGone):
            with leash(client):
                await asyncio.sleep(LONG)

    run(scenario)


def test_what_is_raised_within_comes_out():
    async def scenario():
        with pytest.raises(KeyError):
            with leash(Client()):
                await asyncio.sleep(0)
                raise KeyError

    run(scenario)


def test_it_ends_nothing_once_it_has_been_left():
    async def scenario():
        client = Client()
        with leash(client, seconds=0.01):
            callback = client.callback
        assert client.callback is None and callback is not None
        callback()
        await asyncio.sleep(0.3)

    run(scenario)


def test_the_first_reason_counts():
    async def scenario():
        client = Client()
        with pytest.raises(ClientGone):
            with leash(client, seconds=0.2):
                client.leave()
                try:
                    await asyncio.sleep(LONG)
                finally:
                    # Tidying up lasts until the deadline has passed as well.
                    await asyncio.sleep(0.5)

    run(scenario)


def test_who_else_cancels_at_the_same_time_is_obeyed():
    async def scenario():
        client = Client()
        reached = asyncio.Event()

        async def work():
            client.task = asyncio.current_task()
            with leash(client):
                reached.set()
                await asyncio.sleep(LONG)

        task = asyncio.create_task(work())
        await reached.wait()
        task.cancel()
        client.leave()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario)


def test_a_timeout_within_is_its_own():
    async def scenario():
        client = Client()
        with pytest.raises(TimeoutError):
            with leash(client):
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(LONG)
        with pytest.raises(DeadlinePassed):
            with leash(client, seconds=0.01):
                async with asyncio.timeout(LONG):
                    await asyncio.sleep(LONG)

    run(scenario)


def test_what_is_left_runs_down_to_nothing():
    async def scenario():
        with leash(Client(), seconds=LONG) as long:
            first = long.left
            assert 0 < first <= LONG
            await asyncio.sleep(0.01)
            assert long.left < first
        with pytest.raises(DeadlinePassed):
            with leash(Client(), seconds=0.0) as over:
                assert over.left == 0
                await asyncio.sleep(LONG)
        assert over.left == 0

    run(scenario)


def test_many_end_each_in_its_time():
    async def scenario():
        leashes = Leashes()
        order: list[float] = []

        async def wait(seconds: float):
            with pytest.raises(DeadlinePassed):
                with leashes.leash(loop=asyncio.get_running_loop(), exchange=Client(), seconds=seconds):
                    await asyncio.sleep(LONG)
            order.append(seconds)

        # Each round begins after the one before has come to rest.
        for _ in range(2):
            order.clear()
            await asyncio.gather(*(wait(seconds) for seconds in (0.9, 0.5, 0.1)))
            assert order == [0.1, 0.5, 0.9]

    run(scenario)


def test_work_that_is_done_in_time_is_not_disturbed():
    async def scenario():
        leashes = Leashes()

        async def work():
            with leashes.leash(loop=asyncio.get_running_loop(), exchange=Client(), seconds=LONG):
                await asyncio.sleep(0)
            return 1

        assert sum(await asyncio.gather(*(work() for _ in range(200)))) == 200

    run(scenario)
