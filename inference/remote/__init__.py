"""Models behind somebody else's OpenAI-compatible HTTP endpoint, with the interface of an engine process.

`RemoteEngine` is the whole interface. Behind it: `routes` says what a provider is and what the engine needs
to know about its health, `payload` writes a request, `streaming` reads one answer, `calls` its calls of
functions, `problems` are all the ways in which that can go wrong, and `answering` decides which provider is
asked next.
"""

from inference.remote.engine import RemoteEngine
from inference.remote.routes import Directory, Route

__all__ = ["Directory", "RemoteEngine", "Route"]
