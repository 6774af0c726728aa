"""What mirrored reads have shown: counts, fields, examples, and what operators have decided to ignore."""
