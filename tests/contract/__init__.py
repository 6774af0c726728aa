"""The contract's sentences, one by one, over HTTP, for every implementation."""
