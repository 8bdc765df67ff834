"""The shipped demo model on our own engine: it makes sense, repeats itself and always ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.prompt import prepare_prompt
from inference.types.events import Finished
from inference.types.prompts import PromptMessage
from inference.types.requests import Resume
from tests.support.engine import Recorder, drain, make_request

FOLDER = Path(__file__).parents[2] / "inference" / "demo_model"


class DemoModel:
    """One conversation at a time, at temperature 0."""

    def __init__(self, backend: LlamaBackend, engine: Engine) -> None:
        self.backend = backend
        self._engine = engine

    def reply(
        self, *messages: PromptMessage, max_tokens: int = 600, resume: Resume | None = None
    ) -> tuple[str, Finished]:
        """The text of the reply, and how it ended."""
        prompt = prepare_prompt(self.backend, messages, "", self.backend.n_ctx)
        seen = Recorder()
        request = make_request(
            "r", prompt.token_ids, max_tokens=max_tokens, temperature=0, resume=resume, stop=prompt.stop
        )
        self._engine.submit(request, seen)
        drain(self._engine)
        return seen.text("r"), seen.finished("r")

    def talk(self, *prompts: str, system: str = "") -> list[str]:
        """The replies to prompts said one after another; every reply ends by itself."""
        messages = [PromptMessage("system", system)] if system else []
        replies = []
        for prompt in prompts:
            messages.append(PromptMessage("user", prompt))
            text, finished = self.reply(*messages)
            assert finished.finish_reason == "stop"
            replies.append(text)
            messages.append(PromptMessage("assistant", text))
        return replies


@pytest.fixture(scope="module")
def model() -> Iterator[DemoModel]:
    config = EngineConfig(
        model="parley-demo", path=FOLDER / "parley-demo.gguf", slots=1, n_ctx=2048, threads=1, digest="d"
    )
    backend = load_llama_backend(config)
    engine = Engine(backend, config)
    yield DemoModel(backend, engine)
    engine.close()


def test_the_file_is_small() -> None:
    assert (FOLDER / "parley-demo.gguf").stat().st_size <= 8_000_000


def test_the_file_says_what_it_needs(model: DemoModel) -> None:
    assert "<|im_start|>" in (model.backend.chat_template or "")
    assert model.backend.n_ctx >= 1024
    assert model.backend.eos_text == "<|im_end|>"


def test_llama_cpp_splits_text_as_the_training_did(model: DemoModel) -> None:
    samples = json.loads((FOLDER / "tokens.json").read_text())
    assert len(samples) > 50
    for text, tokens in samples.items():
        assert model.backend.tokenize(text) == tokens
        assert b"".join(map(model.backend.piece, tokens)).decode() == text


def test_it_greets(model: DemoModel) -> None:
    assert re.search(r"hello|hi ", model.talk("Hello!")[0].lower())


def test_it_knows_what_parley_is(model: DemoModel) -> None:
    assert "chat platform" in model.talk("What is Parley?")[0]


def test_it_recalls_three_turns_later(model: DemoModel) -> None:
    replies = model.talk(
        "Hi, my name is Marta and I live in Oslo.",
        "What is 4 + 5?",
        "List the days of the week.",
        "What is my name?",
        "Where do I live?",
    )
    assert "9" in replies[1]
    assert "Marta" in replies[3]
    assert "Oslo" in replies[4]


def test_temperature_zero_repeats_itself(model: DemoModel) -> None:
    first = model.talk("Tell me a long story")
    model.talk("Hello!")
    assert model.talk("Tell me a long story") == first


def test_a_long_reply_is_long(model: DemoModel) -> None:
    _, finished = model.reply(PromptMessage("user", "Tell me a long story"))
    assert finished.usage.completion_tokens >= 200


def test_a_resumed_reply_ends_sensibly(model: DemoModel) -> None:
    said = "January, February, Mar"
    resume = Resume(token_ids=model.backend.tokenize(said), text=said)
    text, finished = model.reply(PromptMessage("user", "List the months"), resume=resume)
    assert finished.finish_reason == "stop"
    assert text.strip().endswith("October, November, December.")


def test_it_takes_the_name_it_is_given(model: DemoModel) -> None:
    assert "Luna" in model.talk("What is your name?", system="You are Luna, a friendly assistant.")[0]


def test_it_writes_json(model: DemoModel) -> None:
    reply = model.talk("Give me a JSON object with name Ada and age 31.")[0]
    assert json.loads(reply) == {"name": "Ada", "age": 31}


@pytest.mark.parametrize(
    "odd",
    [
        "qwzx vbnm 1234 @@@@",
        "\u4eca\u5929\u5929\u6c14\u600e\u4e48\u6837",
        "\U0001f600\U0001f680\U0001f525" * 5,
        "def f(x):\n    return x ** 2\n" * 10,
        "\u0000\u0001\ufffd\u200b",
        "lorem ipsum dolor sit amet " * 60,
        "a" * 500,
    ],
)
def test_odd_input_gets_valid_text_within_the_limit(model: DemoModel, odd: str) -> None:
    text, finished = model.reply(PromptMessage("user", odd), max_tokens=120)
    assert finished.finish_reason in {"stop", "length"}
    assert text.strip()
    assert "\ufffd" not in text
