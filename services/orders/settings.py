"""Settings of the Order API. Reads `ORDERS_DATABASE_URL` and `ORDERS_SECRET_KEY`."""

from __future__ import annotations

from services.chassis import env, log
from services.chassis.drf import config
from services.chassis.settings import *

COMPONENT = "orders"
API_PREFIXES = ("/orders",)

SECRET_KEY = env.text("ORDERS_SECRET_KEY")
DATABASES = {"default": env.database("ORDERS_DATABASE_URL")}
LOGGING = log.django_logging(COMPONENT)
OWNERSHIP_SIDE = "service"
OWNERSHIP_CAPABILITIES = ("orders",)

ROOT_URLCONF = "services.orders.urls"
WSGI_APPLICATION = "services.orders.wsgi.application"

INSTALLED_APPS = [
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "services.ownership",
    "services.orders",
]
MIDDLEWARE = [
    "services.chassis.middleware.observe",
    "services.chassis.middleware.Problems",
    "services.chassis.middleware.Identify",
    "services.ownership.middleware.Ownership",
    "django.middleware.common.CommonMiddleware",
]

REST_FRAMEWORK = config.REST_FRAMEWORK
SPECTACULAR_SETTINGS = config.spectacular(
    title="TechCommerce Order API",
    description="Placing orders, following them, cancelling them.",
)
