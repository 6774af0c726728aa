"""`./manage.py …`: finds out which component a command belongs to, and runs it as that component.

Django is imported by the commands that need it, not by this module.
"""

from __future__ import annotations

import difflib
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType
from typing import Final

from services.local import ports
from services.local.components import BY_NAME, COMPONENTS, REPOSITORY, Component
from services.local.environment import environment, home_directory
from services.local.errors import LocalError

INTERRUPTED: Final = 130
# Commands that people type without saying whose they are.
SHORTCUTS: Final = {
    "seed": ("legacy", "", "load the small catalogue that comes with the project"),
    "import_retail": ("legacy", "FILE", "load a year of real orders from an Online Retail file"),
    "createsuperuser": ("gateway", "", "create a user who may open the admin"),
    "changepassword": ("gateway", "NAME", "give a user another password"),
}
# The mover's, under the name of what they are for.
MIGRATION: Final = {
    "move": ("…", "let the other side own a capability's writes, or some of them"),
    "doctor": ("", "say who owns what, and repair interrupted moves"),
}
SYNC: Final = {
    "backfill": ("…", "copy a capability's rows to its service"),
    "run": ("", "relay what changes, until stopped"),
    "reconcile": ("…", "compare both sides' rows"),
    "status": ("", "say what waits to be relayed, and what could not be"),
    "retry": ("…", "try once more what could not be relayed"),
}


_OWN: Final = ("run", "migrate", "migration", "sync")


class UsageError(LocalError):
    """What was typed makes no sense."""

    exit_code = 2


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit status."""
    try:
        return _dispatch(list(arguments))
    except LocalError as error:
        print(f"manage.py: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be flushed into the closed pipe on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if command in {"help", "-h", "--help"}:
        return _help_on(rest)
    if command == "run":
        return _run(rest)
    if command == "migrate":
        return _migrate_all(rest)
    if command == "sync":
        return _sync(rest)
    if command == "migration":
        return _migration(rest)
    if command in BY_NAME:
        return _django(BY_NAME[command], rest or ["help"])
    if command in SHORTCUTS:
        return _django(BY_NAME[SHORTCUTS[command][0]], [command, *rest])
    raise UsageError(_unknown("command or component", command, ["help", *_OWN, *BY_NAME, *SHORTCUTS]))


def _help_on(rest: list[str]) -> int:
    if rest and rest[0] in BY_NAME:
        return _django(BY_NAME[rest[0]], ["help", *rest[1:]])
    if rest and rest[0] in {"sync", *SHORTCUTS}:
        return _dispatch([rest[0], "--help"])
    if rest and rest[0] == "migration":
        return _dispatch([*rest[:2], "--help"] if len(rest) > 1 else rest)
    if rest and rest[0] not in {"run", "migrate", "help"}:
        raise UsageError(_unknown("command or component", rest[0], [*_OWN, *BY_NAME, *SHORTCUTS]))
    _print_help()
    return 0


def _print_help() -> None:
    from rich.console import Console
    from rich.text import Text

    groups: list[tuple[str, list[tuple[str, str]]]] = [
        ("The shop", [("run", "start everything; Ctrl-C stops it"), ("migrate", "bring every database up to date")]),
        (
            "Data",
            [
                *((f"{name} {SHORTCUTS[name][1]}", SHORTCUTS[name][2]) for name in ("seed", "import_retail")),
                *((f"sync {name} {usage}", purpose) for name, (usage, purpose) in SYNC.items()),
            ],
        ),
        ("The move", [(f"migration {name} {usage}", purpose) for name, (usage, purpose) in MIGRATION.items()]),
        (
            "People",
            [(f"{name} {SHORTCUTS[name][1]}", SHORTCUTS[name][2]) for name in ("createsuperuser", "changepassword")],
        ),
        (
            "A component's own commands",
            [
                (f"{component.name} …", f"for example: ./manage.py {component.name} {example}")
                for component, example in zip(COMPONENTS, ("shell", "sweep", "migrate", "showmigrations"), strict=True)
            ],
        ),
    ]
    console = Console(soft_wrap=True, highlight=False)
    console.print(Text.assemble(("./manage.py", "bold"), " COMMAND"))
    for title, rows in groups:
        if rows:
            console.print(Text(f"\n{title}", style="bold"))
            for usage, purpose in rows:
                console.print(Text.assemble((f"  {usage:<20}", "cyan"), purpose))


def _become(name: str) -> None:
    """Make this process's environment that of the named deployable."""
    filled = environment(name, home_directory(), base=dict(os.environ))
    os.environ.clear()
    os.environ.update(filled)


def _django(component: Component, arguments: list[str]) -> int:
    _become(component.name)
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line, get_commands

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise LocalError(f"{component.name}: {error}") from error
    command = arguments[0]
    if not command.startswith("-") and command not in {"help", *get_commands()}:
        raise UsageError(_unknown(f"command of {component.name}", command, get_commands()))
    # Django shows the first word in its usage lines.
    execute_from_command_line([f"./manage.py {component.name}", *arguments])
    return 0


def _sync(arguments: list[str]) -> int:
    _become("sync")
    from services.sync.cli import main as sync

    return int(sync(arguments) or 0)


def _migration(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"help", "-h", "--help"}:
        for name, (_, purpose) in MIGRATION.items():
            print(f"./manage.py migration {name:<8}{purpose}; more: migration {name} --help")
        return 0
    if arguments[0] not in MIGRATION:
        raise UsageError(_unknown("command of migration", arguments[0], MIGRATION))
    return _sync(arguments)


def _migrate_all(arguments: list[str]) -> int:
    import subprocess

    from services.local import schema

    if arguments and not arguments[0].startswith("-"):
        raise UsageError(f"migrate is for all components; for one: ./manage.py {arguments[0]} migrate")
    for component in COMPONENTS:
        print(f"{component.name}:", flush=True)
        filled = environment(component.name, home_directory())
        command = [sys.executable, str(REPOSITORY / "manage.py"), component.name, "migrate", *arguments]
        status = subprocess.run(command, check=False, env=filled).returncode
        if status:
            return status
        if not arguments:
            schema.record(component, filled[f"{component.prefix}_DATABASE_URL"])
    return 0


def _run(arguments: list[str]) -> int:
    if arguments:
        raise UsageError(f"run takes no arguments, not {arguments[0]!r}; ports are set with GATEWAY_PORT and the like")
    from services.local.console import Console
    from services.local.stack import Stack

    began = time.monotonic()
    console = Console()
    stack = Stack(home=home_directory(), ports=ports.chosen(os.environ), base=dict(os.environ), sink=console)

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def hurry(number: int, frame: FrameType | None) -> None:
        stack.supervisor.hurry.set()

    _on_signals(interrupt)
    try:
        stack.start()
        console.raw(_banner(stack.ports, time.monotonic() - began))
        stack.supervisor.failed.wait()
        raise LocalError(stack.supervisor.failure)
    except KeyboardInterrupt:
        _on_signals(hurry)
        console.raw("\nstopping (Ctrl-C again: at once)\n")
    finally:
        _on_signals(hurry)
        stack.stop()
    console.raw("stopped\n")
    return 0


def _on_signals(handler: signal._HANDLER) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _banner(chosen: Mapping[str, int], seconds: float) -> str:
    at = {name: f"http://localhost:{port}" for name, port in chosen.items()}
    rows = [
        ("shop", at["gateway"]),
        ("admin", f"{at['gateway']}/admin/"),
        ("monolith admin", f"{at['legacy']}/admin/"),
        ("APIs", f"{at['gateway']}/products  {at['gateway']}/orders"),
        ("create an admin user", "./manage.py createsuperuser"),
    ]
    lines = [f"  {name:<21} {value}" for name, value in rows]
    return "\n".join(["", f"TechCommerce is ready after {seconds:.1f} s. Ctrl-C stops it.", *lines, "", ""])


def _unknown(what: str, given: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(given, list(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`./manage.py help` lists what there is"
    return f"unknown {what} {given!r}: {hint}"
