"""The shipped demo model, through llama.cpp itself: it makes sense, repeats itself and always ends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_cpp import Llama

FOLDER = Path(__file__).parents[2] / "inference" / "demo_model"


@pytest.fixture(scope="module")
def model() -> Iterator[Llama]:
    loaded = Llama(
        str(FOLDER / "parley-demo.gguf"), n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False
    )
    yield loaded
    loaded.close()


def talk(model: Llama, *prompts: str, system: str | None = None, max_tokens: int = 600) -> list[str]:
    """The replies to prompts said one after another at temperature 0; every reply ends by itself."""
    messages = [{"role": "system", "content": system}] if system else []
    replies = []
    for prompt in prompts:
        messages.append({"role": "user", "content": prompt})
        answer = model.create_chat_completion(messages, temperature=0, max_tokens=max_tokens)
        assert answer["choices"][0]["finish_reason"] == "stop"
        replies.append(answer["choices"][0]["message"]["content"])
        messages.append({"role": "assistant", "content": replies[-1]})
    return replies


def test_the_file_is_small() -> None:
    assert (FOLDER / "parley-demo.gguf").stat().st_size <= 8_000_000


def test_the_file_says_what_it_needs(model: Llama) -> None:
    assert "<|im_start|>" in model.metadata["tokenizer.chat_template"]
    assert int(model.metadata["llama.context_length"]) >= 1024
    assert model.detokenize([model.token_eos()], special=True) == b"<|im_end|>"


def test_llama_cpp_splits_text_as_the_training_did(model: Llama) -> None:
    samples = json.loads((FOLDER / "tokens.json").read_text())
    assert len(samples) > 50
    for text, tokens in samples.items():
        assert model.tokenize(text.encode(), add_bos=False, special=False) == tokens
        assert model.detokenize(tokens).decode() == text


def test_it_greets(model: Llama) -> None:
    assert re.search(r"hello|hi ", talk(model, "Hello!")[0].lower())


def test_it_knows_what_parley_is(model: Llama) -> None:
    assert "chat platform" in talk(model, "What is Parley?")[0]


def test_it_recalls_three_turns_later(model: Llama) -> None:
    replies = talk(
        model,
        "Hi, my name is Marta and I live in Oslo.",
        "What is 4 + 5?",
        "List the days of the week.",
        "What is my name?",
        "Where do I live?",
    )
    assert "9" in replies[1]
    assert "Marta" in replies[3]
    assert "Oslo" in replies[4]


def test_temperature_zero_repeats_itself(model: Llama) -> None:
    first = talk(model, "Tell me a long story")
    model.reset()
    assert talk(model, "Tell me a long story") == first


def test_a_long_reply_is_long(model: Llama) -> None:
    assert len(model.tokenize(talk(model, "Tell me a long story")[0].encode(), add_bos=False)) >= 200


def test_a_resumed_reply_ends_sensibly(model: Llama) -> None:
    prompt = "<|im_start|>user\nList the months<|im_end|>\n<|im_start|>assistant\nJanuary, February, Mar"
    answer = model.create_completion(prompt, temperature=0, max_tokens=200)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["choices"][0]["text"].strip().endswith("October, November, December.")


def test_it_takes_the_name_it_is_given(model: Llama) -> None:
    assert "Luna" in talk(model, "What is your name?", system="You are Luna, a friendly assistant.")[0]


def test_it_writes_json(model: Llama) -> None:
    reply = talk(model, "Give me a JSON object with name Ada and age 31.")[0]
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
def test_odd_input_gets_valid_text_within_the_limit(model: Llama, odd: str) -> None:
    stream = model.create_chat_completion(
        [{"role": "user", "content": odd}], temperature=0, max_tokens=120, stream=True
    )
    chunks = list(stream)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] in {"stop", "length"}
    assert text.strip()
    assert "\ufffd" not in text
