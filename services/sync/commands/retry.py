"""Lets changes that were set aside be relayed again, once what kept them from being applied has been put right."""

from __future__ import annotations

import argparse
from typing import Final

from services.sync import cli
from services.sync.mapping.capabilities import CAPABILITIES

HELP: Final = "relay again what was set aside"


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said."""
    parser.add_argument("capability", type=cli.capability, metavar="CAPABILITY", help=" or ".join(CAPABILITIES))
    parser.add_argument("roots", nargs="*", metavar="ROOT", help="an order's number, a sku, …; all unless given")


def run(arguments: argparse.Namespace) -> int:
    """Clear the marks, say how many there were, and return 0."""
    from rich.console import Console

    from services.sync.carrier import CHANNEL
    from services.sync.databases import connect
    from services.sync.relay import retry

    capability = CAPABILITIES[arguments.capability]
    changes = 0
    for component in ("legacy", capability.service):
        with connect(component, name="sync retry") as sender:
            changes += retry(sender, capability, arguments.roots or None)
            sender.execute("SELECT pg_notify(%s, %s)", [CHANNEL, capability.name])
    said = (
        f"{changes:,} change{'' if changes == 1 else 's'} will be relayed again" if changes else "nothing was set aside"
    )
    Console(highlight=False).print(f"{capability.name}: {said}")
    return 0
