"""Settings of the gateway.

Reads `GATEWAY_DATABASE_URL`, `GATEWAY_SECRET_KEY`, `GATEWAY_STATIC_ROOT`, `GATEWAY_THREADS`, `GATEWAY_DEADLINE`,
`GATEWAY_CONNECT_TIMEOUT`, `GATEWAY_READ_TIMEOUT`, `GATEWAY_FALLBACK_AFTER`, `GATEWAY_CONCURRENCY`,
`GATEWAY_BODY_MAX`, `GATEWAY_ACCESS_LOG`, `GATEWAY_TRUST_FORWARDED`, `GATEWAY_TRUSTED_ORIGINS`, `LEGACY_URL`,
`PRODUCTS_URL`, `ORDERS_URL`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

from services.chassis import contract, env, log
from services.chassis.settings import *
from services.chassis.settings import LOCAL

COMPONENT = "gateway"
API_PREFIXES = ()

SECRET_KEY = env.text("GATEWAY_SECRET_KEY")
# Pages run in this many threads of a worker, each with a connection of its own.
THREADS = env.integer("GATEWAY_THREADS", 8)
# Two more for looking up sessions on behalf of the data plane, so that pages that wait for it never stand in its way.
SESSION_THREADS = 2
# And one for what is kept of comparisons.
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("GATEWAY_DATABASE_URL", pool_size=THREADS + SESSION_THREADS + 1)
}
# After the database has been away, no page is the one to find out which connections are broken.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A page without its database is no page: say so soon.
DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 2
LOGGING = log.django_logging(COMPONENT)

# The data plane.
UPSTREAM_URLS = {
    "legacy": env.text("LEGACY_URL", "http://127.0.0.1:8000"),
    "products": env.text("PRODUCTS_URL", "http://127.0.0.1:5000"),
    "orders": env.text("ORDERS_URL", "http://127.0.0.1:4000"),
}
REQUEST_DEADLINE = env.seconds("GATEWAY_DEADLINE", 30)
UPSTREAM_CONNECT_TIMEOUT = env.seconds("GATEWAY_CONNECT_TIMEOUT", 2)
UPSTREAM_READ_TIMEOUT = env.seconds("GATEWAY_READ_TIMEOUT", 15)
# A read that may go elsewhere does, after so long without an answer.
FALLBACK_AFTER = env.seconds("GATEWAY_FALLBACK_AFTER", 3)
# Requests under way to one component, from one worker. One more is refused: a queue would only grow.
UPSTREAM_CONCURRENCY = env.integer("GATEWAY_CONCURRENCY", 256)
BODY_MAX = env.integer("GATEWAY_BODY_MAX", contract.BODY_MAX)
PROXY_ACCESS_LOG = env.flag("GATEWAY_ACCESS_LOG", True)
# Only where every client comes through a proxy of ours that sets these headers itself.
TRUST_FORWARDED = env.flag("GATEWAY_TRUST_FORWARDED")

ROOT_URLCONF = "gateway.urls"
FORMAT_MODULE_PATH = "gateway.formats"
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "pgtrigger",
    "gateway.accounts",
    "gateway.comparison",
    "gateway.migration",
    "gateway.routing",
    "gateway.storefront",
]
# All of it runs synchronously, in one thread per request: see gateway/pages.py.
MIDDLEWARE = [
    "services.chassis.middleware.observe",
    "services.chassis.middleware.Problems",
    "gateway.security.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway.accounts.middleware.visitor_cookie",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gateway.accounts.middleware.identity_cookie",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
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

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "accounts:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "tc_session"
SESSION_COOKIE_SECURE = not LOCAL
CSRF_COOKIE_NAME = "tc_csrf"
CSRF_COOKIE_SECURE = not LOCAL
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = env.words("GATEWAY_TRUSTED_ORIGINS")
SECURE_HSTS_SECONDS = 0 if LOCAL else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not LOCAL
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_FORWARDED else None

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("GATEWAY_STATIC_ROOT", str(Path(__file__).parent / "static-collected")))
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

UNFOLD = {
    "SITE_TITLE": "TechCommerce operations",
    "SITE_HEADER": "TechCommerce",
    "SITE_SUBHEADER": "Operations",
    "SITE_URL": "/",
    "SITE_SYMBOL": "alt_route",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("storefront/mark.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "LOGIN": {"form": "gateway.accounts.forms.OperatorLoginForm"},
    "DASHBOARD_CALLBACK": "gateway.routing.dashboard.context",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .02 172)",
            "100": "oklch(94% .04 172)",
            "200": "oklch(88% .07 172)",
            "300": "oklch(80% .09 172)",
            "400": "oklch(70% .10 172)",
            "500": "oklch(58% .095 172)",
            "600": "oklch(47% .08 172)",
            "700": "oklch(40% .068 172)",
            "800": "oklch(34% .056 172)",
            "900": "oklch(29% .046 172)",
            "950": "oklch(20% .034 172)",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "items": [
                    {"title": "Overview", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    {
                        "title": "Routing toggles",
                        "icon": "alt_route",
                        "link": reverse_lazy("admin:routing_toggle_changelist"),
                        "permission": lambda request: request.user.has_perm("routing.view_toggle"),
                    },
                    {
                        "title": "Comparisons",
                        "icon": "compare_arrows",
                        "link": reverse_lazy("admin:comparison_endpoint_changelist"),
                        "permission": lambda request: request.user.has_perm("comparison.view_endpoint"),
                    },
                    {
                        "title": "Moves of ownership",
                        "icon": "swap_horiz",
                        "link": reverse_lazy("admin:migration_cutover_changelist"),
                        "permission": lambda request: request.user.has_perm("migration.view_cutover"),
                    },
                    {
                        "title": "Reconciliations",
                        "icon": "balance",
                        "link": reverse_lazy("admin:migration_reconciliation_changelist"),
                        "permission": lambda request: request.user.has_perm("migration.view_reconciliation"),
                    },
                    {
                        "title": "Test a side",
                        "icon": "science",
                        "link": reverse_lazy("admin:routing_toggle_test"),
                        "permission": lambda request: request.user.has_perm("routing.test_sides"),
                    },
                ]
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    {
                        "title": "Users",
                        "icon": "group",
                        "link": reverse_lazy("admin:accounts_user_changelist"),
                        "permission": lambda request: request.user.has_perm("accounts.view_user"),
                    },
                    {
                        "title": "Groups",
                        "icon": "badge",
                        "link": reverse_lazy("admin:auth_group_changelist"),
                        "permission": lambda request: request.user.has_perm("auth.view_group"),
                    },
                ],
            },
            {
                "title": "Elsewhere",
                "separator": True,
                "items": [
                    {"title": "Storefront", "icon": "storefront", "link": "/", "active": lambda request: False},
                    {"title": "Readiness", "icon": "monitor_heart", "link": "/readyz"},
                    {"title": "Metrics", "icon": "monitoring", "link": "/metrics"},
                ],
            },
        ],
    },
}
