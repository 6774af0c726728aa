"""A brake on guessing passwords: so many failures for one address from one place, then a wait. Right across workers.

TooManyFailures       try again later
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from gateway.accounts.models import LoginFailures

FAILURES_MAX: Final = 10
WINDOW: Final = timedelta(minutes=15)

# Counting comes before looking at the password, in one statement: attempts that run at once cannot slip past the limit.
_COUNT: Final = """
INSERT INTO accounts_loginfailures AS f (key, count, since) VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN f.since <= %(start)s THEN 1 ELSE least(f.count + 1, 1000000) END,
    since = CASE WHEN f.since <= %(start)s THEN %(now)s ELSE f.since END
RETURNING count, since
"""


class TooManyFailures(Exception):
    """Logging in has failed too often; nothing about the password was looked at."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        minutes = max(1, math.ceil(wait.total_seconds() / 60))
        super().__init__(f"Too many failed attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}.")

    @property
    def seconds(self) -> int:
        return max(1, math.ceil(self.wait.total_seconds()))


def count_attempt(*, email: str, place: str, now: datetime) -> None:
    """Count an attempt as failed until `forget` says otherwise; TooManyFailures when there were too many."""
    start = now - WINDOW
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"key": _key(email, place), "now": now, "start": start})
        count, since = cursor.fetchone()
    if count == 1:
        LoginFailures.objects.filter(since__lte=start).delete()
    if count > FAILURES_MAX:
        raise TooManyFailures(since + WINDOW - now)


def forget(*, email: str, place: str) -> None:
    """Forget the failures: this person has proved to be who they say."""
    LoginFailures.objects.filter(key=_key(email, place)).delete()


def _key(email: str, place: str) -> str:
    return hashlib.sha256(f"{email.strip().lower()}\n{place}".encode()).hexdigest()
