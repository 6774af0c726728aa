"""Benchmarks: each measures one thing beside a peer, in the same run, and reports. None of them is a test."""
