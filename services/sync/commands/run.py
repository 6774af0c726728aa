"""Relays changes between the sides, compares them, and finishes interrupted moves, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
from typing import Final

HELP: Final = "relay changes, compare the sides, repair; until told to stop"

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said: nothing. Settings come from the environment."""


def run(arguments: argparse.Namespace) -> int:
    """Run the mover and return 0 once it was told to stop."""
    # Threads inherit it: the signals wait for `sigwait` below, whenever they come.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)

    import logging.config
    import threading

    from prometheus_client import REGISTRY

    from services.chassis import env, log
    from services.sync import health
    from services.sync.databases import GATEWAY
    from services.sync.mapping.capabilities import CAPABILITIES
    from services.sync.metrics import Collector
    from services.sync.mover import Mover

    logging.config.dictConfig(log.django_logging("sync"))
    logger = log.get("services.sync")
    services = [capability.service for capability in CAPABILITIES.values()]
    for component in (GATEWAY, "legacy", *services):
        # Here, and not in a thread, what is missing ends the process.
        env.text(f"{component.upper()}_DATABASE_URL")
    mover = Mover(reconcile_seconds=env.seconds("SYNC_RECONCILE_SECONDS", 60.0, or_none=True))
    host, port = env.text("SYNC_BIND", "0.0.0.0"), env.integer("SYNC_PORT", 7000)  # noqa: S104
    try:
        server = health.server(host, port, health.application(mover.pulses))
    except (OSError, OverflowError) as error:
        raise env.MisconfiguredError("SYNC_PORT", f"cannot listen on {host}:{port}: {error}") from None
    REGISTRY.register(Collector(mover.pulses, lambda: mover.control))
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    mover.start()
    logger.info("mover_started", port=port, name=mover.name)
    number = signal.sigwait(_STOPS)
    late = mover.stop()
    server.server_close()
    logger.info("mover_stopped", signal=signal.Signals(number).name, late=late)
    return 0
