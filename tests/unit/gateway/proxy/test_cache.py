from __future__ import annotations

from gateway.proxy.cache import ExpiringCache


def test_it_keeps_until_the_time_said_and_tells_none_from_nothing():
    now = [100.0]
    cache: ExpiringCache[str, str | None] = ExpiringCache(size=2, clock=lambda: now[0])
    cache.put("a", None, expires_at=110)
    assert cache.get("a") == (None,)
    assert cache.get("b") is None
    now[0] = 110
    assert cache.get("a") is None


def test_the_oldest_goes_when_it_is_full():
    cache: ExpiringCache[str, int] = ExpiringCache(size=2, clock=lambda: 0)
    for number, key in enumerate("abc"):
        cache.put(key, number, expires_at=1)
    assert [cache.get(key) for key in "abc"] == [None, (1,), (2,)]
