"""A storefront over a shop in memory, and a shopper."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from gateway.storefront import shop as storefront_shop
from tests.unit.gateway.storefront.fake import FakeShop, furnished


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeShop]:
    fake = furnished()
    with storefront_shop.pooled(url="http://gateway.test", transport=httpx.MockTransport(fake.handle)) as http:
        monkeypatch.setattr(storefront_shop, "_connection", lambda url, key_file: (http, fake.minter))
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield fake


@pytest.fixture
def shopper(db: None, client: Client) -> str:
    """The subject of somebody who is logged in with the client."""
    user = get_user_model().objects.create_user("ada@example.com", "a long enough password", name="Ada")
    client.force_login(user)
    return str(user.pk)
