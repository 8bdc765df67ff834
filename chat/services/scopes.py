"""What the scopes of an API key mean.

`chat:read` (GET below /api/v1/chat), `chat:write` (all of it, and sockets) and `openai` (/v1) limit a key to
what they name; a key with none of them may do all its user may. `messages:write` is a right on top, for
services.
"""

from __future__ import annotations

READ, WRITE, OPENAI = "chat:read", "chat:write", "openai"
SERVICE = "messages:write"
LIMITING = frozenset({READ, WRITE, OPENAI})
SCOPES = LIMITING | {SERVICE}
