"""The Product API: the catalogue, and the stock that orders hold."""
