"""Settings of the monolith. Reads `LEGACY_DATABASE_URL`, `LEGACY_SECRET_KEY`, `LEGACY_STATIC_ROOT`."""

from __future__ import annotations

from pathlib import Path

from services.chassis import env, log
from services.chassis.settings import *
from services.chassis.settings import LOCAL

COMPONENT = "legacy"
API_PREFIXES = ("/products", "/orders")

SECRET_KEY = env.text("LEGACY_SECRET_KEY")
DATABASES = {"default": env.database("LEGACY_DATABASE_URL")}
LOGGING = log.django_logging(COMPONENT)
OWNERSHIP_SIDE = "monolith"
OWNERSHIP_CAPABILITIES = ("products", "orders")

ROOT_URLCONF = "legacy_monolith.urls"
WSGI_APPLICATION = "legacy_monolith.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "pgtrigger",
    "services.ownership",
    "legacy_monolith.catalogue",
    "legacy_monolith.sales",
]
MIDDLEWARE = [
    "services.chassis.middleware.observe",
    "services.chassis.middleware.Problems",
    "services.chassis.middleware.Identify",
    "services.ownership.middleware.Ownership",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Cookies know no ports: on one machine the gateway's would be overwritten under the usual names.
SESSION_COOKIE_NAME = "legacy_sessionid"
CSRF_COOKIE_NAME = "legacy_csrftoken"
SESSION_COOKIE_SECURE = not LOCAL
CSRF_COOKIE_SECURE = not LOCAL

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("LEGACY_STATIC_ROOT", str(Path(__file__).parent / "static-collected")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# On a laptop nobody runs collectstatic: files are found where the apps keep them.
WHITENOISE_USE_FINDERS = LOCAL
WHITENOISE_AUTOREFRESH = LOCAL
