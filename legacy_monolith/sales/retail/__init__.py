"""Import of the published Online Retail file: a British shop's invoices, one line each, as messy as real data is.

`source` reads the file, `invoices` understands one line, `goods` and `shelves` know products, `books` makes orders and
returns of the lines; those are pure. `store` writes what is not there yet, `report` says what became of every line.
"""
