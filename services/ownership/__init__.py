"""Which database is the truth for a row, and so may accept writes to it; and the record of what was written.

    schema.py       the tables and functions, as SQL: they hold for psql, the admin and forgotten scripts as well
    triggers.py     what puts a table under the fence and its changes into the outbox
    fence.py        a write's first step: to own, or to be answered 421
    position.py     how far a write has come, and whether a side has come as far
    middleware.py   both of them for every request

Installed in the monolith and in both services. Settings: `OWNERSHIP_SIDE`, `OWNERSHIP_CAPABILITIES`.
"""
