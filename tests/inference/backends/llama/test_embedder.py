"""Vectors against llama-cpp-python's own, on models of noise and on the demo model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.engine.embedding import EmbeddingJob, EmbeddingQueue
from tests.support.bert import write_bert_gguf
from tests.support.gguf import write_random_gguf

DEMO = Path(__file__).parents[4] / "inference" / "demo_model" / "parley-demo.gguf"
TEXTS = ["hello", "the long and the short of it, <|im_start|> included " * 4, "naïve 日本 🙂", "x"]


def load(path: Path, **options: int) -> LlamaBackend:
    return load_llama_backend(EngineConfig(model="m", path=path, slots=1, threads=1, **options))  # type: ignore[arg-type]


def embed(backend: LlamaBackend, inputs: list[list[int]]) -> list[np.ndarray]:
    queue = EmbeddingQueue(backend, slice_ms=1)  # slices as small as they come
    job = EmbeddingJob(inputs)
    queue.add(job)
    while queue.is_busy:
        queue.step()
    vectors = [np.frombuffer(vector, "<f4") for vector in job.vectors.result(0)]
    queue.close(RuntimeError())  # type: ignore[arg-type]
    return vectors


def reference(path: Path, texts: list[str], pooling: int) -> list[np.ndarray]:
    llama = llama_cpp.Llama(
        str(path), embedding=True, pooling_type=pooling, n_ctx=512, n_batch=512, n_threads=1, verbose=False
    )
    vectors = [np.array(llama.embed(text, normalize=True)) for text in texts]
    llama.close()
    return vectors


@pytest.fixture(scope="module", params=["noise", "bos", "demo", "bert"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("models") / f"{request.param}.gguf"
    match request.param:
        case "demo":
            return DEMO
        case "bert":
            return write_bert_gguf(path)
    return write_random_gguf(path, add_bos=request.param == "bos")


@pytest.fixture
def backend(model: Path) -> Iterator[LlamaBackend]:
    backend = load(model, n_ctx=512)
    yield backend
    backend.close()


def test_vectors_are_those_of_the_peer(backend: LlamaBackend, model: Path) -> None:
    texts = TEXTS if "bert" not in model.stem else ["hello world", "the hello", "world"]
    pooling = llama_cpp.LLAMA_POOLING_TYPE_CLS if "bert" in model.stem else llama_cpp.LLAMA_POOLING_TYPE_MEAN
    ours = embed(backend, [backend.tokenize_input(text) for text in texts])

    for vector, expected in zip(ours, reference(model, texts, pooling), strict=True):
        assert np.allclose(vector, expected, atol=5e-3)  # flash attention adds up in f16
        assert float(vector @ expected) > 0.9999


def test_a_long_input_in_slices_is_what_it_is_in_one_batch(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf")
    backend = load(path, n_ctx=512)
    ids = [number % 200 for number in range(500)]
    (sliced,) = embed(backend, [ids])
    embedder = backend.make_embedder()
    whole = llama_rows(embedder.compute, ids)
    embedder.close()
    embedder.close()
    backend.close()

    assert np.allclose(sliced, whole / np.linalg.norm(whole), atol=2e-3)


def llama_rows(compute: object, ids: list[int]) -> np.ndarray:
    from inference.backends.base import Row

    rows = [Row(0, token_id, at, True) for at, token_id in enumerate(ids)]
    vectors: np.ndarray = compute(rows)  # type: ignore[operator]
    return np.asarray(vectors.sum(axis=0))


def test_a_batch_that_would_abort_is_refused(tmp_path: Path) -> None:
    backend = load(write_random_gguf(tmp_path / "m.gguf"), n_ctx=64)
    embedder = backend.make_embedder()
    with pytest.raises(ValueError, match="a batch of 0 rows"):
        embedder.compute([])
    embedder.close()
    backend.close()
