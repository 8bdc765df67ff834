"""The engine alone, without Celery and sockets, on a model of noise; beside peers where one is at hand."""
