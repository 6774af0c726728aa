"""Customers and staff: who they are, how they log in, and the identity that the data plane sees."""
