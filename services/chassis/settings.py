"""Django settings that every component shares. A component's settings module stars this in, then says its own.

Reads `TECHCOMMERCE_ENV` (`local` or anything else), `TECHCOMMERCE_HOSTS`, `LOG_FORMAT`, `LOG_LEVEL`, `GATEWAY_URL`,
`IDENTITY_KEY_FILE`, `IDENTITY_PUBLIC_KEYS_FILE`.
"""

from __future__ import annotations

from services.chassis import contract, env

LOCAL = env.text("TECHCOMMERCE_ENV", "production") == "local"

DEBUG = False
# The gateway checks the name that shoppers use; behind it components are known by many names, pod addresses included.
ALLOWED_HOSTS = env.words("TECHCOMMERCE_HOSTS", "*")
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = contract.BODY_MAX
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING_CONFIG = "logging.config.dictConfig"
PROMETHEUS_EXPORT_MIGRATIONS = False
SILENCED_SYSTEM_CHECKS: list[str] = []
X_FRAME_OPTIONS = "DENY"

GATEWAY_URL = env.text("GATEWAY_URL", "http://127.0.0.1:3000")
IDENTITY_KEY_FILE = env.path("IDENTITY_KEY_FILE")
IDENTITY_PUBLIC_KEYS_FILE = env.path("IDENTITY_PUBLIC_KEYS_FILE")
