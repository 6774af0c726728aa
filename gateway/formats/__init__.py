"""How moments are written: on a clock of 24 hours."""
