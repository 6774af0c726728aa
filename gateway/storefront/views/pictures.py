"""Product pictures, drawn on request."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.storefront.pictures import draw

_YEAR = 365 * 24 * 3600


@require_safe
def picture(request: HttpRequest, sku: str) -> HttpResponse:
    """Answer with the product's picture, which never changes."""
    return HttpResponse(
        draw(sku=sku, category=request.GET.get("c", "")),
        content_type="image/svg+xml",
        headers={
            "Cache-Control": f"public, max-age={_YEAR}, immutable",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
