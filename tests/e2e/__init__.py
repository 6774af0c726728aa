"""Whole journeys through real processes, over every combination of who answers for what."""
