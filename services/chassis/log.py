"""Structured logs: event names plus fields, JSON in a deployment, readable on a terminal."""

from __future__ import annotations

from typing import Any

import structlog

from services.chassis import env


def django_logging(component: str) -> dict[str, Any]:
    """Return Django's LOGGING that sends structlog's and the standard library's records the same way."""
    console = env.text("LOG_FORMAT", "json") == "console"

    def add_component(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"component": component, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.format_exc_info,
    ]
    if not console:
        shared += [add_component, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stdout"], "level": env.text("LOG_LEVEL", "INFO")},
        # The access line says it all; Django would log every 4xx once more.
        "loggers": {
            "django.request": {"level": "CRITICAL"},
            "django.security": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger whose first argument is an event name and whose keywords are fields."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
