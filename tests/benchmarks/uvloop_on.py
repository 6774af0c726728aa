"""gunicorn's configuration for benchmarks: the event loop that the gateway has, too."""

asgi_loop = "uvloop"
