"""Who bought what: orders, their placement and status, imported customers."""
