"""What a row of the monolith is at the services, and the other way round. Pure: no I/O, no clock.

One module per aggregate. Each names the two sides' row types, in terms of natural keys, and a function in each
direction. `CAPABILITIES` puts them beside the tables that they come from.
"""
