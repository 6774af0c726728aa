from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from gateway.storefront.views import errors

VOID = {"meta", "link", "img", "input", "br", "path", "circle", "rect"}


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html"])
def test_error_pages_need_neither_a_request_nor_a_context(template):
    page = render_to_string(template)
    assert "TechCommerce" in page
    assert "<h1>" in page
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"), [("/nothing/here", 404), ("/%FF%FE", 404), ("/cart%00", 404), ("/p/", 404)]
)
def test_what_is_nowhere_is_a_friendly_404(client: Client, shop, path, status):
    response = client.get(path)
    assert response.status_code == status
    assert b"We could not find that" in response.content


@pytest.mark.parametrize(("handler", "status"), [("bad_request", 400), ("forbidden", 403), ("not_found", 404)])
def test_handlers_answer_with_their_status(handler, status):
    request = RequestFactory().get("/", headers={"HX-Request": "true"})
    response = getattr(errors, handler)(request, Exception())
    assert response.status_code == status
    assert response["HX-Retarget"] == "body"
