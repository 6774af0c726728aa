"""The storefront in a real browser."""
