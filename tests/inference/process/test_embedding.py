"""Embeddings through a real engine process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.backends.paced.embedder import PACED_DIMENSIONS, paced_vector
from inference.config import EngineConfig
from inference.process import EngineClient
from inference.types.embeddings import Embeddings
from inference.types.errors import InferenceError
from inference.types.events import Failed
from tests.inference.process.test_client import Reader, kill_child
from tests.support.bert import write_bert_gguf
from tests.support.engine import make_request, paced_config
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow  # engines of their own


@pytest.fixture
def client() -> Iterator[EngineClient]:
    client = EngineClient(paced_config(n_ctx=1024))
    client.start()
    yield client
    client.close()


def vectors(embeddings: Embeddings) -> list[np.ndarray]:
    return [np.frombuffer(vector, "<f4") for vector in embeddings.vectors]


def test_texts_and_token_ids_become_vectors_in_their_order(client: EngineClient) -> None:
    embeddings = client.embed(["a", [97], "ab"])
    left, same, other = vectors(embeddings)

    expected = paced_vector(97, 0)
    assert np.allclose(left, expected / np.linalg.norm(expected), atol=1e-6)
    assert np.array_equal(left, same)
    assert not np.allclose(left, other)
    assert (len(other), embeddings.tokens) == (PACED_DIMENSIONS, 4)


def test_a_refusal_is_the_engines_own(client: EngineClient) -> None:
    with pytest.raises(InferenceError, match="Input 1 has 2000 tokens; the model takes at most 1024"):
        client.embed(["fine", "x" * 2000])
    with pytest.raises(InferenceError, match="Input 17 is empty"):
        client.embed(["fine", []], first=16)


def test_a_crash_meanwhile_is_not_noticed(client: EngineClient) -> None:
    found: list[Embeddings] = []
    caller = threading.Thread(target=lambda: found.append(client.embed(["x" * 1000] * 200)))
    caller.start()
    wait_until(lambda: client.gauges.embedded_tokens > 0, what="a slice")
    kill_child(client)
    caller.join(60)

    assert len(found[0].vectors) == 200


def test_what_takes_too_long_is_given_up_and_the_engine_goes_on(client: EngineClient) -> None:
    with pytest.raises(InferenceError, match="Computing these embeddings took too long"):
        client.embed(["x" * 1000] * 2000, timeout_s=0.01)

    assert client.embed(["a"]).tokens == 1


def test_an_encoder_embeds_and_refuses_to_write(tmp_path: Path) -> None:
    path = write_bert_gguf(tmp_path / "bert.gguf")
    client = EngineClient(EngineConfig(model="bert", path=path, slots=2, n_ctx=128, threads=1))
    client.start()
    try:
        assert client.embed(["hello world"]).tokens == 4
        reader = Reader(client)
        client.submit(make_request("a", [1, 2]), reader)
        assert isinstance(reader.end, Failed)
        assert reader.end.code == "embeddings_only"
    finally:
        client.close()
