"""British English, the shop's only language."""
