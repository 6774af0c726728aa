"""The mover's commands, a module each: `HELP`, `configure(parser)`, `run(arguments) -> exit status`."""
