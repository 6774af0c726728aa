from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, connections

from gateway.accounts.models import User
from gateway.asgi import Gateway
from gateway.pages import Pages
from gateway.routing.live import WATCHER
from tests.unit.gateway.support import ask

pytestmark = pytest.mark.usefixtures("committed")


def living(scenario):
    """Run with a gateway that has had its lifespan begun, and end it."""

    async def run():
        gateway = Gateway()
        messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        life = asyncio.create_task(gateway({"type": "lifespan"}, messages.get, said.put))
        await messages.put({"type": "lifespan.startup"})
        assert (await said.get())["type"] == "lifespan.startup.complete"
        try:
            return await scenario(gateway)
        finally:
            await messages.put({"type": "lifespan.shutdown"})
            assert (await said.get())["type"] == "lifespan.shutdown.complete"
            await life

    return asyncio.run(run())


def backends() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gateway'"
        )
        found: int = cursor.fetchone()[0]
    connection.close()
    return found


def test_it_is_ready_once_it_has_seen_the_toggles():
    async def scenario(gateway):
        answer = await ask(gateway, "GET", "/readyz")
        said = json.loads(answer.body)
        assert (answer.status, said["status"], said["checks"]["database"]) == (200, "ok", "ok")
        assert said["checks"]["routing"].startswith("revision ")

    living(scenario)


def test_it_is_not_ready_before_and_says_503_for_routed_paths(monkeypatch):
    monkeypatch.setattr(WATCHER, "_table", None)
    monkeypatch.setattr(WATCHER, "start", lambda: None)
    monkeypatch.setattr("gateway.asgi._FIRST_TABLE_SECONDS", 0.01)

    async def scenario(gateway):
        ready = await ask(gateway, "GET", "/readyz")
        assert (ready.status, json.loads(ready.body)["checks"]["routing"]) == (503, "unknown")
        assert (await ask(gateway, "GET", "/healthz")).status == 200
        routed = await ask(gateway, "GET", "/products")
        assert (routed.status, json.loads(routed.body)["type"]) == (503, "/problems/unavailable")

    living(scenario)


def test_it_is_alive_but_not_ready_while_it_is_stopping():
    async def scenario(gateway):
        said = await ask(gateway, "GET", "/readyz", state={"draining": True})
        assert (said.status, json.loads(said.body)["status"]) == (503, "unavailable")
        assert (await ask(gateway, "GET", "/healthz", state={"draining": True})).status == 200

    living(scenario)


def test_django_answers_what_is_not_routed():
    async def scenario(gateway):
        assert (await ask(gateway, "GET", "/account/login")).status == 200
        assert (await ask(gateway, "GET", "/productsx")).status == 404
        assert (await ask(gateway, "HEAD", "/account/login")).body == b""
        assert (await ask(gateway, "POST", "/healthz")).status == 405

    living(scenario)


def test_a_page_whose_body_is_too_large_is_413():
    async def scenario(gateway):
        answer = await ask(gateway, "POST", "/account/login", [(b"content-length", b"2000000")])
        assert answer.status == 413

    living(scenario)


def test_clients_who_hang_up_leave_no_connection_behind(client):
    user = User.objects.create_user("gone@example.com", "a long enough password")
    client.force_login(user)
    cookies = [(b"cookie", f"tc_session={client.cookies['tc_session'].value}".encode())]

    async def scenario(gateway):
        for _ in range(10):
            await asyncio.gather(
                *(ask(gateway, "GET", "/account/profile", cookies, hang_up_after=0.001 * n) for n in range(20))
            )
        answers = await asyncio.gather(*(ask(gateway, "GET", "/account/profile", cookies) for _ in range(30)))
        assert [answer.status for answer in answers] == [200] * 30
        assert await asyncio.to_thread(backends) <= settings.THREADS + settings.SESSION_THREADS

    living(scenario)


def test_a_page_runs_to_its_end_in_one_thread_and_gives_its_connection_back():
    seen: list[object] = []

    async def scenario():
        pages = Pages()
        original = pages._respond

        def respond(scope, body):
            answer = original(scope, body)
            seen.append(connections["default"].connection)
            return answer

        pages._respond = respond  # type: ignore[method-assign]
        with ThreadPoolExecutor(1) as threads:

            async def application(scope, receive, send):
                await pages(scope, receive, send, executor=threads)

            await ask(
                application, "GET", "/account/profile", [(b"cookie", b"tc_session=" + b"k" * 32)], hang_up_after=0.0
            )
            await ask(application, "GET", "/account/profile", [(b"cookie", b"tc_session=" + b"k" * 32)])

    asyncio.run(scenario())
    assert seen
    assert set(seen) == {None}
