"""A Django project of nothing but the chassis."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import django
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from services.chassis.identity import Minter

GATEWAY_KEY = Ed25519PrivateKey.generate()
_FILES = tempfile.TemporaryDirectory()


def pytest_configure() -> None:
    if settings.configured:
        return
    pem = GATEWAY_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    keys = Path(_FILES.name) / "public.json"
    keys.write_text(json.dumps({"gateway": pem}))
    settings.configure(
        SECRET_KEY="for these tests",
        COMPONENT="products",
        API_PREFIXES=("/products",),
        IDENTITY_PUBLIC_KEYS_FILE=keys,
        ROOT_URLCONF="tests.unit.chassis.urls",
        ALLOWED_HOSTS=["*"],
        DATA_UPLOAD_MAX_MEMORY_SIZE=1000,
        APPEND_SLASH=False,
        USE_TZ=True,
        MIDDLEWARE=[
            "services.chassis.middleware.observe",
            "services.chassis.middleware.Problems",
            "services.chassis.middleware.Identify",
        ],
        # Nobody listens there: the database that is away.
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "none",
                "HOST": "127.0.0.1",
                "PORT": "1",
                "OPTIONS": {"connect_timeout": 1},
            }
        },
    )
    django.setup()


def pytest_unconfigure() -> None:
    _FILES.cleanup()


@pytest.fixture
def minter() -> Minter:
    return Minter(issuer="gateway", key=GATEWAY_KEY)
