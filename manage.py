#!/usr/bin/env python3
"""The one door for people: `./manage.py help` says what there is."""

# Any Python may be asked to run this file, an old one too, before the project's own takes over.
import os
import sys


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    environment = os.path.join(here, ".venv")
    python = os.path.join(environment, "bin", "python")
    if os.path.realpath(sys.prefix) != os.path.realpath(environment) and os.access(python, os.X_OK):
        os.execv(python, [python, os.path.abspath(__file__)] + sys.argv[1:])
    sys.path.insert(0, here)
    try:
        # In an image there is no `.venv`: what is needed is installed with its Python.
        import rich  # noqa: F401
    except ImportError:
        sys.exit("nothing is installed yet: `make run` or `make test` creates .venv")
    from services.local.cli import main as run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
