from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from gateway import security
from services.chassis.problems import KINDS


@pytest.mark.parametrize("slug", sorted(KINDS))
def test_every_problem_type_has_a_page(client, slug):
    answer = client.get(f"/problems/{slug}")
    assert answer.status_code == 200
    assert KINDS[slug].title in answer.content.decode()


def test_no_other_slug_has_one(client):
    assert client.get("/problems/nonsense").status_code == 404


class Failing(dict[str, object]):
    """Raises where a problem type is looked up."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, *arguments: object) -> object:
        raise self.error


@pytest.mark.parametrize(("error", "status"), [(OperationalError("secret"), 503), (RuntimeError("secret"), 500)])
def test_our_own_failures_are_pages_without_a_word_of_them(monkeypatch, error, status):
    monkeypatch.setattr("gateway.problems.KINDS", Failing(error))
    answer = Client(raise_request_exception=False).get("/problems/not-found")
    assert answer.status_code == status
    assert b"</html>" in answer.content
    assert b"secret" not in answer.content


def test_pages_may_load_nothing_from_elsewhere_and_run_nothing_inline(client):
    policy = client.get("/problems/not-found")["Content-Security-Policy"]
    assert policy == security.PAGES
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_the_admin_may_evaluate_what_its_markup_says(client):
    assert client.get("/admin/login/")["Content-Security-Policy"] == security.ADMIN
