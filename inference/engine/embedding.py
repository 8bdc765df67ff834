"""Embeddings, a slice at a time between the engine's steps: no running stream waits for a long text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

import numpy as np

from inference.backends.base import Backend, DecodeError, Embedder, Row
from inference.types.errors import InferenceError, Reason, Value

SMALLEST_SLICE = 16
FIRST_SLICE = 64


class EmbeddingJob:
    """Inputs that somebody waits for: `vectors` gets one for each, of length 1, as little-endian float32.

    A refusal counts the inputs from `first`.
    """

    def __init__(self, inputs: list[list[int]], *, first: int = 0) -> None:
        self.inputs = inputs
        self.first = first
        self.vectors: Future[list[bytes]] = Future()
        self.found: dict[int, bytes] = {}
        self.begun = 0

    def put(self, number: int, vector: bytes) -> None:
        """Note an input's vector; the last one settles the job."""
        self.found[number] = vector
        if len(self.found) == len(self.inputs):
            with suppress(InvalidStateError):  # whoever asked may give up at any moment
                self.vectors.set_result([self.found[each] for each in range(len(self.inputs))])

    def fail(self, error: InferenceError) -> None:
        """Settle the job without vectors. Harmless when it is settled."""
        with suppress(InvalidStateError):
            self.vectors.set_exception(error)


class _Input:
    """One input of the wave that is being computed, and the sum of what its tokens say."""

    def __init__(self, job: EmbeddingJob, number: int) -> None:
        self.job = job
        self.number = number
        self.ids = job.inputs[number]
        self.total: np.ndarray | None = None

    def add(self, vectors: np.ndarray, start: int, pooling: str) -> None:
        """Take the vectors of the tokens from position `start` on."""
        if pooling == "mean":
            part = vectors.sum(axis=0, dtype=np.float64)
            self.total = part if self.total is None else self.total + part
        elif (pooling == "cls" and start == 0) or pooling == "last":
            self.total = vectors[0 if pooling == "cls" else -1].astype(np.float64)

    def settle(self) -> None:
        """Hand the vector over; the mean's divisor is lost in its length of 1."""
        assert self.total is not None  # noqa: S101  every input has a token
        length = float(np.linalg.norm(self.total)) or 1.0
        self.job.put(self.number, (self.total / length).astype("<f4").tobytes())


class EmbeddingQueue:
    """Jobs take turns input by input; a wave of inputs shares the context, a slice of it one call.

    `step` and `close` belong to the engine's loop. The size of a slice follows the measured time of the last
    one towards `slice_ms`; an input that cannot be split is a slice by itself, whatever that takes.
    """

    def __init__(
        self, backend: Backend, *, slice_ms: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tokens = 0
        self._backend = backend
        self._slice_ms = slice_ms
        self._clock = clock
        self._size = FIRST_SLICE
        self._jobs: list[EmbeddingJob] = []
        self._wave: list[_Input] = []
        self._done = 0
        self._rows: list[Row] = []
        self._embedder: Embedder | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._jobs or self._rows)

    def add(self, job: EmbeddingJob) -> None:
        """Queue a job, or fail it when it cannot be computed."""
        try:
            embedder = self._embedder = self._embedder or self._backend.make_embedder()
            check_inputs(job, n_ctx=embedder.n_ctx, n_vocab=self._backend.n_vocab)
        except InferenceError as error:
            job.fail(error)
        else:
            self._jobs.append(job)

    def step(self) -> None:
        """Compute one slice."""
        embedder = self._embedder
        if embedder is None:
            return
        if not self._rows:
            self._begin_wave(embedder)
        if rows := self._next_rows(embedder):
            started_at = self._clock()
            try:
                self._pool(rows, embedder.compute(rows), embedder)
            except DecodeError:
                self._drop_wave()
            else:
                self._learn(len(rows), (self._clock() - started_at) * 1000)

    def close(self, error: InferenceError) -> None:
        """Fail what is left and free the context."""
        for job in [*self._jobs, *(each.job for each in self._wave)]:
            job.fail(error)
        if self._embedder is not None:
            self._embedder.close()

    def _begin_wave(self, embedder: Embedder) -> None:
        """The inputs that fit into the context together, one of each job in turn."""
        embedder.clear()
        self._wave, self._done, room = [], 0, embedder.n_ctx
        while len(self._wave) < embedder.streams and (job := self._next_job()):
            if len(job.inputs[job.begun]) > room:
                break
            room -= len(job.inputs[job.begun])
            self._wave.append(_Input(job, job.begun))
            job.begun += 1
            self._jobs.remove(job)
            if job.begun < len(job.inputs):
                self._jobs.append(job)
        self._rows = [
            Row(stream, token_id, position, True)
            for stream, each in enumerate(self._wave)
            for position, token_id in enumerate(each.ids)
        ]

    def _next_job(self) -> EmbeddingJob | None:
        self._jobs = [job for job in self._jobs if not job.vectors.done()]  # nobody may wait any more
        return self._jobs[0] if self._jobs else None

    def _next_rows(self, embedder: Embedder) -> list[Row]:
        size = min(self._size, embedder.n_batch)
        if not embedder.splits:
            size = self._whole_inputs(size)
        return self._rows[self._done : self._done + size]

    def _whole_inputs(self, size: int) -> int:
        """How many rows are the inputs that fit into `size`, or the next one."""
        first = self._rows[self._done].stream if self._done < len(self._rows) else len(self._wave)
        total = 0
        for each in self._wave[first:]:
            if total and total + len(each.ids) > size:
                break
            total += len(each.ids)
        return total

    def _pool(self, rows: list[Row], vectors: np.ndarray, embedder: Embedder) -> None:
        for stream, start, end in _runs(rows):
            each = self._wave[stream]
            each.add(vectors[start:end], rows[start].position, embedder.pooling)
            if rows[end - 1].position == len(each.ids) - 1:
                each.settle()
        self._done += len(rows)
        self.tokens += len(rows)
        if self._done == len(self._rows):
            self._wave, self._rows = [], []

    def _drop_wave(self) -> None:
        message = "The model could not compute these embeddings. Try again."
        for each in self._wave:
            each.job.fail(InferenceError("engine_error", message, retryable=True))
        self._wave, self._rows = [], []

    def _learn(self, rows: int, elapsed_ms: float) -> None:
        if rows >= self._size or elapsed_ms > self._slice_ms:
            factor = min(2.0, max(0.5, self._slice_ms / max(elapsed_ms, 0.001)))
            self._size = max(SMALLEST_SLICE, min(self._backend.n_batch, int(self._size * factor)))


def check_inputs(job: EmbeddingJob, *, n_ctx: int, n_vocab: int) -> None:
    """Raises `InferenceError` (`invalid_request`, `context_length_exceeded`)."""
    if not job.inputs:
        raise InferenceError("invalid_request", "There is nothing to embed.")
    for number, ids in enumerate(job.inputs, job.first):
        if not ids:
            raise InferenceError("invalid_request", Reason("Input %(number)s is empty.", {"number": number}))
        if len(ids) > n_ctx:
            values: dict[str, Value] = {"number": number, "tokens": len(ids), "most": n_ctx}
            message = Reason(
                "Input %(number)s has %(tokens)s tokens; the model takes at most %(most)s.", values
            )
            raise InferenceError("context_length_exceeded", message)
        strange = next((token_id for token_id in ids if not 0 <= token_id < n_vocab), None)
        if strange is not None:
            message = Reason(
                "Token %(token)s of input %(number)s is not in the model's vocabulary.",
                {"token": strange, "number": number},
            )
            raise InferenceError("invalid_request", message)


def _runs(rows: list[Row]) -> Iterator[tuple[int, int, int]]:
    """Each stream with the range of its rows."""
    start = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end].stream != rows[start].stream:
            yield rows[start].stream, start, end
            start = end
