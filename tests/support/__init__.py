"""What several suites share: the shop as a client sees it, and the system it runs in."""
