"""One attempt of one line of a batch job that asks for embeddings."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable

import msgspec

from chat.services.batches import (
    ClaimedLine,
    LineAsk,
    LineError,
    LineProgress,
    LineRefused,
    LineResult,
    ReadBody,
)
from chat.services.embeddings import cut_vector, may_be_cut, shards_of
from chat.services.errors import ServiceError
from inference.types.errors import STOPPED, InferenceError
from workers.batch_line import BROKEN, why_refused
from workers.database import reconnect
from workers.engines import EnginePool

logger = logging.getLogger(__name__)


class EmbeddingRun:
    """Computes the line's vectors in the engine of this worker, a shard after the other.

    A thread of its own calls `start`, the filler everything else. Nothing is kept on the way: what is lost
    is computed again.
    """

    def __init__(self, claimed: ClaimedLine, read_body: ReadBody, wake: Callable[[], None]) -> None:
        self.id = claimed.id
        self.attempt = claimed.attempt
        self.is_handed_back = False
        self._claimed = claimed
        self._read_body = read_body
        self._wake = wake
        self._abandoned = threading.Event()
        self._result: LineResult | None = None

    def __str__(self) -> str:
        return f"line {self.id} attempt {self.attempt}"

    def start(self, engines: EnginePool) -> None:
        """Compute. What goes wrong becomes the line's end."""
        try:
            ask = self._read_body(self._claimed.endpoint, msgspec.json.decode(self._claimed.body))
            self._result = self._compute(engines, ask)
        except InferenceError as error:
            if error.code == STOPPED:
                self.is_handed_back = True
            else:
                self._fail(LineError(code=error.code, message=error.message, reason=error.reason))
        except (LineRefused, ServiceError) as error:
            self._fail(why_refused(error))
        except Exception:
            logger.exception("%s cannot be computed", self)
            self._fail(BROKEN)
        finally:
            reconnect()
        self._wake()

    @property
    def is_leaving(self) -> bool:
        """Whether it is to be put back."""
        return self.is_handed_back

    @property
    def is_parked(self) -> bool:
        """Never: its engine's next process computes the shard again."""
        return False

    def progress(self) -> LineProgress:
        """A sign of life."""
        return LineProgress(line_id=self.id, attempt=self.attempt)

    def result(self) -> LineResult | None:
        """How the line ended, when it has."""
        return self._result

    def abandon(self) -> None:
        """Stop before the next shard."""
        self._abandoned.set()

    def _compute(self, engines: EnginePool, ask: LineAsk) -> LineResult | None:
        vectors: list[bytes] = []
        tokens = 0
        for shard in shards_of(ask.inputs):
            if self._abandoned.is_set():
                return None
            with engines.use(self._claimed.model) as engine:
                found = engine.client.embed(shard, first=len(vectors))
            vectors += found.vectors
            tokens += found.tokens
        if ask.dimensions is not None:
            model, may_cut = self._claimed.model, may_be_cut(self._claimed.model)
            vectors = [cut_vector(vector, ask.dimensions, model=model, may_cut=may_cut) for vector in vectors]
        said = {
            "text": f"[{len(vectors)} x {len(vectors[0]) // 4} numbers]",  # for people
            "vectors": [base64.b64encode(vector).decode() for vector in vectors],
            "as_base64": bool(ask.options.get("as_base64")),
        }
        return LineResult(line_id=self.id, attempt=self.attempt, choices=[said], prompt_tokens=tokens)

    def _fail(self, error: LineError) -> None:
        self._result = LineResult(line_id=self.id, attempt=self.attempt, error=error)
