"""Batch jobs beside chat, beside the engine, beside llama-server, and under fire."""
