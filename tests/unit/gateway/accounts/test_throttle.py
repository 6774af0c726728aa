from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from gateway.accounts import throttle
from gateway.accounts.models import LoginFailures
from gateway.accounts.throttle import FAILURES_MAX, WINDOW, TooManyFailures, count_attempt, forget

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def fail(times: int, now: datetime = NOW, email: str = "ada@example.com", place: str = "192.0.2.7") -> None:
    for _ in range(times):
        count_attempt(email=email, place=place, now=now)


@pytest.mark.django_db
def test_ten_failures_are_borne_and_the_next_is_not():
    fail(FAILURES_MAX)
    with pytest.raises(TooManyFailures) as stopped:
        fail(1, NOW + timedelta(minutes=5))
    assert stopped.value.seconds == 600
    assert "10 minutes" in str(stopped.value)


@pytest.mark.django_db
def test_after_the_window_it_begins_anew():
    fail(FAILURES_MAX)
    fail(FAILURES_MAX, NOW + WINDOW)


@pytest.mark.django_db
def test_trying_on_does_not_make_the_wait_longer():
    fail(FAILURES_MAX)
    for minute in range(15):
        with pytest.raises(TooManyFailures):
            fail(1, NOW + timedelta(minutes=minute))
    fail(1, NOW + WINDOW)


@pytest.mark.django_db
def test_others_are_not_held_up():
    fail(FAILURES_MAX)
    fail(1, email="bob@example.com")
    fail(1, place="198.51.100.1")


@pytest.mark.django_db
def test_case_makes_no_second_account():
    fail(FAILURES_MAX, email="ADA@example.com")
    with pytest.raises(TooManyFailures):
        fail(1, email="ada@example.com ")


@pytest.mark.django_db
def test_success_is_the_end_of_it():
    fail(FAILURES_MAX)
    forget(email="Ada@example.com", place="192.0.2.7")
    fail(FAILURES_MAX)


@pytest.mark.django_db
def test_old_counters_are_swept():
    fail(1, email="bob@example.com")
    fail(1, NOW + WINDOW)
    assert LoginFailures.objects.count() == 1


def test_attempts_at_the_same_time_do_not_slip_past(transactional_db):
    passed = []

    def attempt():
        try:
            throttle.count_attempt(email="ada@example.com", place="x", now=NOW)
            passed.append(1)
        except TooManyFailures:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == FAILURES_MAX
