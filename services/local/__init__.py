"""What runs the whole system on one machine: embedded PostgreSQL, keys, supervisor, the `manage.py` door."""
