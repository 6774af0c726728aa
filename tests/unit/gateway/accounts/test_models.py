from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from gateway.accounts.models import User

pytestmark = pytest.mark.django_db


def test_an_address_is_taken_whatever_its_case(ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ADA@EXAMPLE.COM", "x")


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.com"])
def test_an_address_is_found_whatever_its_case(ada, email):
    assert User.objects.get_by_natural_key(email) == ada


def test_finding_somebody_uses_the_index(ada, django_assert_num_queries):
    with django_assert_num_queries(1) as captured:
        User.objects.get_by_natural_key("ada@example.com")
    assert 'LOWER("accounts_user"."email")' in captured[0]["sql"]


def test_ids_are_uuids_of_version_7(ada):
    assert ada.pk.version == 7


def test_createsuperuser_works(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough password")
    call_command("createsuperuser", "--noinput", "--email", "ops@example.com", stdout=io.StringIO())
    user = User.objects.get_by_natural_key("ops@example.com")
    assert user.is_staff and user.is_superuser and user.check_password("a long enough password")
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", "--noinput", "--email", "OPS@example.com")
