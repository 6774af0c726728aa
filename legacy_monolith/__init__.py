"""The shop as it was: catalogue and sales in one database, answered by plain Django views.

Two apps: `catalogue` (what is sold) knows nothing of `sales` (who bought it), which builds on it.
"""
