"""The smallest Django site that is a proxy by django-revproxy. Reads `UPSTREAM_URL`."""

from __future__ import annotations

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import re_path

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["revproxy"],
    LOGGING_CONFIG=None,
    USE_TZ=True,
)
application = get_wsgi_application()

urlpatterns = [
    re_path(
        r"^(?P<path>.*)$",
        # Known by name only: it is not installed where types are checked.
        import_module("revproxy.views").ProxyView.as_view(upstream=os.environ["UPSTREAM_URL"]),
    )
]
