"""The mover: what carries rows between the monolith's database and the services'.

Talks SQL to all of them and knows the shape of their tables; imports none of their code.

    databases.py   connections, and who of several movers acts
    receiving.py   how every transaction begins that puts rows in at the other side
    mapping/       pure: a row of one side -> the same row of the other, in Python and in SQL
    arm.py         has changes recorded at both sides
    backfill.py    copies what is absent, chunk by chunk; chunks.py, pace.py
    apply.py       writes at one side what the other has changed
    relay.py       takes it from an outbox, and sets aside what cannot be applied
    reconcile.py   compares the sides, and repairs; canonical.py, digests.py, looks.py, suspects.py, repair.py
    cutover.py     moves ownership; handover.py, records.py, settle.py, toggle.py, carrier.py
    doctor.py      states who owns what, and finishes or undoes what was interrupted; owners.py, judgement.py
    mover.py       all of it in one process; relaying.py, rounds.py, pulse.py, health.py, metrics.py, measure.py
    cli.py         `./manage.py sync …`; commands/
"""
