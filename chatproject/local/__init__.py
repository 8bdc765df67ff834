"""Parley on one machine: Redis, web and workers under one supervisor, started by `manage.py up`."""
