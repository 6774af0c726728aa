"""The mover: what carries rows between the monolith's database and the services'.

Talks SQL to all of them and knows the shape of their tables; imports none of their code.

    tables.py      how a table is read, staged and made equal
    mapping/       pure: a row of one side -> the same row of the other
    backfill.py    copies a capability from one side to the other
    cli.py         `./manage.py sync …`
"""
