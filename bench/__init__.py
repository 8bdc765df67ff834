"""Benchmarks: what the documentation claims, measured. `make bench` runs all of them."""
