"""The storefront as somebody without a browser uses it: pages, forms, a session."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

PASSWORD = "correct horse battery staple"


@dataclass(slots=True)
class Form:
    """A form of a page, with what its fields hold."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(said.get("action", ""), said.get("method", "get").lower()))
        elif tag in {"input", "textarea", "select"} and self.found and said.get("name"):
            chosen = said.get("type") not in {"checkbox", "radio"} or "checked" in said
            self.found[-1].fields |= {said["name"]: said.get("value", "")} if chosen else {}


def forms(page: httpx.Response) -> list[Form]:
    """Return the forms of a page."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


class Shopper:
    """A session at the storefront."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=30, trust_env=False)
        self.email = f"{secrets.token_hex(6)}@example.com"

    def __enter__(self) -> Shopper:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> httpx.Response:
        """Return a page, which must be there."""
        page = self.http.get(path)
        assert page.status_code == 200, f"{path}: {page.status_code}"
        return page

    def submit(self, page: httpx.Response, action: str, **values: str) -> httpx.Response:
        """Return what comes of filling in the page's form with that action."""
        form = next(form for form in forms(page) if form.action == action and form.method == "post")
        headers = {"Referer": str(page.url), "Origin": str(page.url.copy_with(raw_path=b"")).rstrip("/")}
        return self.http.post(action or str(page.url), data={**form.fields, **values}, headers=headers)

    def register(self) -> None:
        """Open an account and be logged in to it."""
        page = self.get("/account/register")
        form = next(form for form in forms(page) if form.action.endswith("/register"))
        values = {"name": "Ada Byron", "email": self.email}
        values |= {name: PASSWORD for name in form.fields if name.startswith("password")}
        after = self.submit(page, form.action, **values)
        assert after.status_code == 200, after.text[:500]
        assert "Log out" in after.text

    def add_to_cart(self, sku: str, quantity: int = 1) -> None:
        """Put a product into the cart from its page."""
        after = self.submit(self.get(f"/p/{sku}"), "/cart/add", quantity=str(quantity))
        assert after.status_code == 200
