"""Requests and answers from their lines. Whatever the lines say goes out as it is."""

from __future__ import annotations

from typing import Final

HOST: Final = b"Host: shop.example"
PATH: Final = b"/products/KETTLE"


def lines(*parts: bytes, body: bytes = b"") -> bytes:
    """Return a head of these lines, the empty line that ends it, and the body."""
    return b"".join(part + b"\r\n" for part in parts) + b"\r\n" + body


def get(*fields: bytes, target: bytes = PATH, method: bytes = b"GET") -> bytes:
    """Return a request without a body."""
    return lines(method + b" " + target + b" HTTP/1.1", HOST, *fields)


def post(*fields: bytes, body: bytes = b"", target: bytes = b"/orders") -> bytes:
    """Return a request with a body that the fields have to frame."""
    return lines(b"POST " + target + b" HTTP/1.1", HOST, b"Content-Type: application/json", *fields, body=body)


def chunked(*fields: bytes, body: bytes) -> bytes:
    """Return a request whose body is chunked already."""
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


def ok(*fields: bytes, body: bytes = b"ok") -> bytes:
    """Return an answer with these fields and a Content-Length."""
    return lines(b"HTTP/1.1 200 OK", *fields, b"Content-Length: %d" % len(body), body=body)
