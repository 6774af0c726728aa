"""What moves of ownership were decided, and what comparing both sides' rows has shown. The mover writes it, by SQL."""
