"""The pages that shoppers see: catalogue, cart, checkout, their orders. Reads and writes through the shop's own API."""
