"""The Order API: placing orders, following them, cancelling them."""
