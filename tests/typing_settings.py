"""Every app of every component in one settings module, for the type checker alone. Nothing runs with it."""

from pathlib import Path

SECRET_KEY = "for the type checker"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "pgtrigger",
    "rest_framework",
    "gateway.accounts",
    "gateway.comparison",
    "gateway.migration",
    "gateway.routing",
    "gateway.storefront",
    "legacy_monolith.catalogue",
    "legacy_monolith.sales",
    "services.orders",
    "services.ownership",
    "services.products",
]

# What components' own settings say and code reads.
API_PREFIXES: tuple[str, ...] = ()
COMPONENT = ""
GATEWAY_URL = ""
IDENTITY_KEY_FILE = Path()
OWNERSHIP_CAPABILITIES: tuple[str, ...] = ()
OWNERSHIP_SIDE = ""
IDENTITY_PUBLIC_KEYS_FILE = Path()
BODY_MAX = 0
FALLBACK_AFTER = 0.0
PROXY_ACCESS_LOG = True
REQUEST_DEADLINE = 0.0
SESSION_THREADS = 0
THREADS = 0
TRUST_FORWARDED = False
UPSTREAM_CONCURRENCY = 0
UPSTREAM_CONNECT_TIMEOUT = 0.0
UPSTREAM_READ_TIMEOUT = 0.0
UPSTREAM_URLS: dict[str, str] = {}
