"""What is sold: products, categories, stock, reservations."""
