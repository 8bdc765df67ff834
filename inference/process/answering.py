"""What an engine process answers beside replies: prompts, and vectors of texts."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError

from inference.backends.base import Backend
from inference.engine.embedding import EmbeddingJob
from inference.engine.engine import Engine
from inference.process.framing import Answer, Call, Embed, Embedded, Prepare, Prepared, Refused
from inference.prompt import PromptMaker
from inference.telemetry import Listener
from inference.types.embeddings import Embeddings
from inference.types.errors import InferenceError

logger = logging.getLogger(__name__)


class Answerer:
    """Answers what is asked of a loaded model beside replies. `answer` is called on the lanes' threads."""

    def __init__(self, backend: Backend, engine: Engine, listener: Listener) -> None:
        self._backend = backend
        self._engine = engine
        self._prompts = PromptMaker(backend, backend.n_ctx, listener)
        self._jobs: dict[int, EmbeddingJob] = {}

    def answer(self, command: Call) -> Answer:
        """What came of it; never raises."""
        call_id = command.call_id
        try:
            return self._prepare(command) if isinstance(command, Prepare) else self._embed(command)
        except InferenceError as error:
            return Refused(call_id, error.code, error.reason or error.message, error.retryable)
        except CancelledError:
            return Refused(call_id, "cancelled", "Nobody waited any more.")
        except Exception:
            logger.exception("a %s failed", type(command).__name__)
            return Refused(call_id, "engine_error", "This could not be turned into the model's tokens.")

    def give_up(self, call_id: int) -> None:
        """Do not compute what nobody waits for."""
        if job := self._jobs.get(call_id):
            job.vectors.cancel()

    def _prepare(self, command: Prepare) -> Prepared:
        prompt = self._prompts.prepare(
            command.messages, command.template, command.policy, command.tools, command.written
        )
        return Prepared(command.call_id, prompt)

    def _embed(self, command: Embed) -> Embedded:
        tokenize = self._backend.tokenize_input
        inputs = [tokenize(each) if isinstance(each, str) else each for each in command.inputs]
        job = self._jobs[command.call_id] = EmbeddingJob(inputs, first=command.first)
        try:
            self._engine.embed(job)
            embeddings = Embeddings(vectors=job.vectors.result(), tokens=sum(map(len, inputs)))
        finally:
            del self._jobs[command.call_id]
        return Embedded(command.call_id, embeddings)
