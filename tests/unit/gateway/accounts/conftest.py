"""Somebody with an account."""

from __future__ import annotations

import pytest

from gateway.accounts.models import User

PASSWORD = "a long enough password"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("Ada@Example.com", PASSWORD, name="Ada Lovelace")
