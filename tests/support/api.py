"""Callers of the HTTP API, and a worker that answers at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client

from chat.models import Generation, User, WorkerStatus
from chat.services.accounts import create_api_key
from chat.services.generations import Outcome, OutcomeError, Progress, claim_generation, flush_progress
from chat.services.workers import heartbeat
from tests.support.factories import make_user

CHAT = "/api/v1/chat/"


class Caller:
    """A user with a key. Paths are relative to the chat API unless they begin with a slash."""

    def __init__(self, user: User | None = None, *, scopes: Sequence[str] = ()) -> None:
        self.user = user or make_user()
        _, self.secret = create_api_key(user=self.user, scopes=scopes)
        self.client = Client(
            headers={"Authorization": f"Bearer {self.secret}"}, raise_request_exception=False
        )

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """The response to a request with a JSON body."""
        url = path if path.startswith("/") else CHAT + path
        given = {} if body is None else {"data": body, "content_type": "application/json"}
        return self.client.generic(method, url, **_encoded(given), **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        """GET."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """POST."""
        return self.call("POST", path, {} if body is None else body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """PUT."""
        return self.call("PUT", path, {} if body is None else body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        """DELETE."""
        return self.call("DELETE", path, **kwargs)


def _encoded(given: dict[str, Any]) -> dict[str, Any]:
    if not given or isinstance(given["data"], bytes):
        return given
    return given | {"data": json.dumps(given["data"], cls=DjangoJSONEncoder)}


def offer_model(slug: str = "paced", *, worker: str = "w") -> None:
    """A live worker with a model."""
    heartbeat(name=worker, status=WorkerStatus.READY, loaded_models=[slug], slots=4)


def answer_next(
    *texts: str, reason: str = "stop", error: OutcomeError | None = None, finish: bool = True
) -> Generation:
    """Claim the next generation and write these chunks and, unless told otherwise, its end."""
    claimed = claim_generation(worker="w", models=["paced"])
    assert claimed is not None, "nothing waits"
    outcome = Outcome(
        finish_reason=reason if error is None else "error", completion_tokens=len(texts), error=error
    )
    ids: dict[str, Any] = {
        "generation_id": claimed.id,
        "message_id": claimed.message_id,
        "attempt": claimed.attempt,
    }
    for seq, text in enumerate(texts):
        flush_progress(
            worker="w", updates=[Progress(**ids, seq=seq, text=text, token_ids=[seq], is_first=seq == 0)]
        )
    if finish:
        flush_progress(worker="w", updates=[Progress(**ids, seq=len(texts), outcome=outcome)])
    return Generation.objects.get(id=claimed.id)
