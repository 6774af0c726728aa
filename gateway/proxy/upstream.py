"""Connections to the components: kept alive, with time limits, streaming both ways.

UpstreamError
  Unreachable         no connection, or one that broke before an answer came
  TimedOut            connected, and then nothing for too long
  Saturated           every connection to this component is busy
  Unsendable          the request has no form in HTTP/1.1
  CutShort            the answer broke off after it had begun
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpcore

from gateway.proxy.headers import Headers

_RETRIED: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CONNECTIONS_MAX: Final = 256
_IDLE_SECONDS: Final = 30.0
"""Shorter than components keep an idle connection, so that it is hardly ever they who close."""


class UpstreamError(Exception):
    """The component gave no whole answer."""


class Unreachable(UpstreamError):
    """No connection, or one that broke before an answer came."""


class TimedOut(UpstreamError):
    """Connected, and then nothing for too long."""


class Saturated(UpstreamError):
    """Every connection to this component is busy."""


class Unsendable(UpstreamError):
    """The request has no form in HTTP/1.1."""


class CutShort(UpstreamError):
    """The answer broke off after it had begun."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    connect: float
    read: float
    """Between two pieces of an answer, the first one included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body is still on its way."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]


class Upstream(Protocol):
    """A component, as the data plane sees it."""

    @property
    def host(self) -> bytes:
        """What to call it in the Host header."""

    def exchange(
        self, *, method: str, target: bytes, headers: Headers, body: AsyncIterator[bytes] | None
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request, its target as it is, and give the answer; an UpstreamError when there is none."""

    async def close(self) -> None:
        """Close every connection."""


class PooledUpstream:
    """A component reached over a pool of HTTP/1.1 connections."""

    def __init__(self, *, url: str, limits: Limits) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.encode("ascii")
        self._scheme = parts.scheme.encode("ascii")
        self._name = (parts.hostname or "").encode("ascii")
        self._port = parts.port
        self._extensions = {
            "timeout": {"connect": limits.connect, "pool": limits.connect, "read": limits.read, "write": limits.read}
        }
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=_CONNECTIONS_MAX,
            max_keepalive_connections=_CONNECTIONS_MAX,
            keepalive_expiry=_IDLE_SECONDS,
        )

    @asynccontextmanager
    async def exchange(
        self, *, method: str, target: bytes, headers: Headers, body: AsyncIterator[bytes] | None
    ) -> AsyncIterator[Answer]:
        """Send a request, its target as it is, and give the answer; an UpstreamError when there is none."""
        request = httpcore.Request(
            method=method,
            url=httpcore.URL(scheme=self._scheme, host=self._name, port=self._port, target=target),
            headers=headers,
            content=body,
            extensions=self._extensions,
        )
        with _named(Unreachable):
            response = await self._send(request, again=body is None and method in _RETRIED)
        try:
            yield Answer(status=response.status, headers=list(response.headers), chunks=_chunks(response))
        finally:
            await response.aclose()

    async def _send(self, request: httpcore.Request, *, again: bool) -> httpcore.Response:
        try:
            return await self._pool.handle_async_request(request)
        except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError) as error:
            # The component has just closed a connection that was kept alive: asking again harms nobody.
            if not again or not _nothing_came(error):
                raise
            return await self._pool.handle_async_request(request)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def _nothing_came(error: Exception) -> bool:
    """Tell whether the connection ended before the first byte of an answer."""
    if isinstance(error, httpcore.RemoteProtocolError):
        return "without sending a response" in str(error)
    return True


async def _chunks(response: httpcore.Response) -> AsyncIterator[bytes]:
    with _named(CutShort):
        async for chunk in response.aiter_stream():
            yield chunk


@contextmanager
def _named(broken: type[UpstreamError]) -> Iterator[None]:
    """Call the client library's errors by our names."""
    try:
        yield
    except httpcore.PoolTimeout as error:
        raise Saturated from error
    except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
        raise Unreachable(str(error)) from error
    except httpcore.TimeoutException as error:
        raise TimedOut(type(error).__name__) from error
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise Unsendable(str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise broken(str(error)) from error
