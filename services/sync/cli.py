"""The mover's commands: `./manage.py sync …`.

Reads `GATEWAY_DATABASE_URL`, `LEGACY_DATABASE_URL`, `PRODUCTS_DATABASE_URL` and `ORDERS_DATABASE_URL`, those that a
command needs.

    Refused               what was asked for cannot be done as things are; nothing was changed
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

import psycopg

from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES

COMMANDS: Final = ("run", "backfill", "reconcile", "move", "status", "retry", "doctor")
"""Each is a module of `services.sync.commands`, and is imported when it is asked for."""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status: 0, 1 when it failed, 2 when it was not understood."""
    parser = argparse.ArgumentParser(prog="./manage.py sync", description="Moves rows between monolith and services.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # The one that is asked for; all of them for who asks what there is.
    for name in argv[:1] if argv and argv[0] in COMMANDS else COMMANDS:
        module = importlib.import_module(f"services.sync.commands.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.__doc__)
        module.configure(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except (psycopg.Error, ValueError, Refused) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        sys.stderr.write(f"sync: {said[0]}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("sync: interrupted; what was begun can be taken up again\n")
        return 130
    return status


def capability(name: str) -> str:
    """Return the name of a capability, for argparse."""
    if name not in CAPABILITIES:
        raise argparse.ArgumentTypeError(f"no capability {name!r}; there are: {', '.join(CAPABILITIES)}")
    return name
