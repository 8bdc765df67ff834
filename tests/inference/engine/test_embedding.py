"""Embeddings between the engine's steps, on the paced oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.base import Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.embedder import PacedEmbedder, paced_vector
from inference.engine.embedding import EmbeddingJob, EmbeddingQueue
from inference.engine.engine import Engine
from inference.types.errors import InferenceError
from tests.support.engine import FakeClock, Recorder, drain, make_request, paced_config


def make_queue(**config: int) -> EmbeddingQueue:
    return EmbeddingQueue(PacedBackend(paced_config(**config)), slice_ms=100, clock=FakeClock())


def run(queue: EmbeddingQueue, *jobs: EmbeddingJob) -> int:
    for job in jobs:
        queue.add(job)
    slices = 0
    while queue.is_busy:
        queue.step()
        slices += 1
    return slices


def vector(job: EmbeddingJob, number: int = 0) -> np.ndarray:
    return np.frombuffer(job.vectors.result(0)[number], "<f4")


def mean(ids: list[int]) -> np.ndarray:
    total = np.sum([paced_vector(token_id, at) for at, token_id in enumerate(ids)], axis=0)
    return np.asarray(total / np.linalg.norm(total))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=128), min_size=1, max_size=9), max_size=4
    )
)
def test_every_input_gets_its_own_vector_however_they_share_the_context(calls: list[list[list[int]]]) -> None:
    jobs = [EmbeddingJob(inputs) for inputs in calls]
    queue = make_queue(n_ctx=128, n_batch=32)
    run(queue, *jobs)

    for job in jobs:
        for number, ids in enumerate(job.inputs):
            assert np.allclose(vector(job, number), mean(ids), atol=1e-5)
            assert np.isclose(np.linalg.norm(vector(job, number)), 1)
    assert queue.tokens == sum(len(ids) for job in jobs for ids in job.inputs)


@pytest.mark.parametrize(("pooling", "position"), [("cls", 0), ("last", 69)])
def test_one_token_may_speak_for_all(pooling: str, position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PacedEmbedder, "pooling", pooling)
    job = EmbeddingJob([list(range(70))])
    assert run(make_queue(n_batch=32), job) == 3

    expected = paced_vector(position, position)
    assert np.allclose(vector(job), expected / np.linalg.norm(expected), atol=1e-6)


def test_what_looks_both_ways_is_never_split(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[list[int]] = []
    compute = PacedEmbedder.compute

    def watch(self: PacedEmbedder, rows: list[Row]) -> np.ndarray:
        sizes.append([sum(row.stream == stream for row in rows) for stream in {row.stream for row in rows}])
        return compute(self, rows)

    monkeypatch.setattr(PacedEmbedder, "splits", False)
    monkeypatch.setattr(PacedEmbedder, "compute", watch)
    run(make_queue(n_ctx=256, n_batch=256), EmbeddingJob([[1] * size for size in (100, 30, 30, 70)]))

    assert sizes == [[100], [30, 30], [70]]


def test_jobs_take_turns() -> None:
    long, short = EmbeddingJob([[1] * 60] * 20), EmbeddingJob([[2] * 3])
    queue = make_queue(n_ctx=64)
    queue.add(long)
    queue.add(short)
    for _ in range(2):
        queue.step()

    assert short.vectors.done()
    assert not long.vectors.done()


def test_a_slice_shrinks_to_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    sizes: list[int] = []

    def compute(self: PacedEmbedder, rows: list[Row]) -> np.ndarray:
        sizes.append(len(rows))
        clock.sleep(len(rows) / 200)
        return np.ones((len(rows), 2))

    monkeypatch.setattr(PacedEmbedder, "compute", compute)
    queue = EmbeddingQueue(PacedBackend(paced_config()), slice_ms=100, clock=clock)
    run(queue, EmbeddingJob([[1] * 200]))

    assert sizes[0] == 64
    assert set(sizes[3:-1]) <= {19, 20}, "20 tokens take 100 ms"


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ([], "invalid_request", "nothing"),
        ([[1], []], "invalid_request", "Input 1 is empty"),
        ([[1] * 65], "context_length_exceeded", "Input 0 has 65 tokens; the model takes at most 64"),
        ([[1, 10**9]], "invalid_request", "Token 1000000000 of input 0"),
    ],
)
def test_what_cannot_be_computed_is_refused(inputs: list[list[int]], code: str, words: str) -> None:
    job = EmbeddingJob(inputs)
    run(make_queue(n_ctx=64), job)

    with pytest.raises(InferenceError, match=words) as caught:
        job.vectors.result(0)
    assert caught.value.code == code


def test_a_refused_batch_fails_its_jobs_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = make_queue()
    first, second = EmbeddingJob([[1]]), EmbeddingJob([[2]])
    queue.add(first)
    monkeypatch.setattr(PacedEmbedder, "n_ctx", 0, raising=False)
    queue._embedder.held[0] = 5  # type: ignore[union-attr]
    monkeypatch.setattr(PacedEmbedder, "clear", lambda self: None)
    queue.step()
    monkeypatch.undo()
    run(queue, second)

    with pytest.raises(InferenceError, match="could not compute"):
        first.vectors.result(0)
    assert np.allclose(vector(second), mean([2]), atol=1e-6)


def test_nobody_computes_for_one_who_gave_up() -> None:
    queue = make_queue()
    job = EmbeddingJob([[1, 2, 3]])
    queue.add(job)
    job.vectors.cancel()
    queue.step()

    assert not queue.is_busy
    assert queue.tokens == 0


def test_an_engine_embeds_beside_its_replies_a_slice_a_step() -> None:
    config = paced_config(n_ctx=4096)
    seen, engine = Recorder(), Engine(PacedBackend(config), config)
    job = EmbeddingJob([[7] * 4000])
    engine.submit(make_request("a", [1, 2, 3], max_tokens=50), seen)
    engine.embed(job)
    tokens = []
    while not job.vectors.done():
        engine.step()
        tokens.append(len(seen.token_ids("a")))
    drain(engine)

    assert len(tokens) > 8
    assert tokens == [min(50, step + 1) for step in range(len(tokens))], "every step said a token"
    assert engine.gauges().embedded_tokens == 4000
    assert np.allclose(vector(job), mean([7] * 4000), atol=1e-5)


def test_a_closed_engine_refuses_and_fails_what_is_left() -> None:
    config = paced_config()
    engine = Engine(PacedBackend(config), config)
    left, late = EmbeddingJob([[1]]), EmbeddingJob([[1]])
    engine.embed(left)
    engine.close()
    engine.embed(late)

    for job in (left, late):
        with pytest.raises(InferenceError) as caught:
            job.vectors.result(0)
        assert (caught.value.code, caught.value.retryable) == ("engine_stopped", True)
