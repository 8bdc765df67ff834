"""Other people's clients against a running stack: `make conformance`."""
