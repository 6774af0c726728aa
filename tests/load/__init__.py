"""The gateway under load and in trouble: real processes, many clients, and counts of what went wrong."""
