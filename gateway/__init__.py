"""The front door: storefront, accounts, routing toggles, and the data plane that forwards to who answers."""
