"""Settings of the Product API. Reads `PRODUCTS_DATABASE_URL` and `PRODUCTS_SECRET_KEY`."""

from __future__ import annotations

from services.chassis import env, log
from services.chassis.drf import config
from services.chassis.settings import *

COMPONENT = "products"
API_PREFIXES = ("/products",)

SECRET_KEY = env.text("PRODUCTS_SECRET_KEY")
DATABASES = {"default": env.database("PRODUCTS_DATABASE_URL")}
LOGGING = log.django_logging(COMPONENT)
OWNERSHIP_SIDE = "service"
OWNERSHIP_CAPABILITIES = ("products",)

ROOT_URLCONF = "services.products.urls"
WSGI_APPLICATION = "services.products.wsgi.application"

INSTALLED_APPS = [
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "services.ownership",
    "services.products",
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
    title="TechCommerce Product API",
    description="The catalogue, and the stock that is held for orders.",
)
