"""llama.cpp itself, on a model of noise: exact where it must be, careful where it would abort."""

from __future__ import annotations

import ctypes
import hashlib
import logging
from pathlib import Path
from random import Random
from typing import Any

import llama_cpp
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends import load_backend
from inference.backends.base import SEPARATOR, DecodeError, Row
from inference.backends.llama.backend import LlamaBackend
from inference.backends.llama.context import default_threads, flash_attention
from inference.backends.llama.loading import load_llama_backend
from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types.errors import InferenceError
from inference.types.requests import Priority, Resume
from inference.types.sampling import SamplingParams
from tests.support.engine import Recorder, drain, make_request
from tests.support.gguf import CHATML, write_random_gguf
from tests.support.llama import FREE

PROMPT = "The heron stood on one leg and said hello to the river."


def answer(backend: LlamaBackend, config: EngineConfig, prompt: list[int], **options: Any) -> Recorder:
    """One request alone in a fresh engine."""
    seen = Recorder()
    engine = Engine(backend, config)
    for stream in range(config.slots):
        backend.keep(stream, 0)
    engine.submit(make_request("a", prompt, **options), seen)
    drain(engine)
    return seen


def logits(backend: LlamaBackend, row: int) -> np.ndarray:
    pointer = llama_cpp.llama_get_logits_ith(backend._context, row)
    return np.ctypeslib.as_array(pointer, shape=(backend.n_vocab,)).copy()


def prefill(backend: LlamaBackend, stream: int, ids: list[int], start: int = 0) -> np.ndarray:
    rows = [Row(stream, ids[at], at, at == len(ids) - 1) for at in range(start, len(ids))]
    backend.decode(rows)
    return logits(backend, len(rows) - 1)


def test_a_model_describes_itself(llama: LlamaBackend) -> None:
    assert (llama.n_ctx, llama.digest, llama.device) == (256, "d", "cpu")
    assert llama.chat_template == CHATML
    assert (llama.bos_text, llama.eos_text) == ("<|endoftext|>", "<|im_end|>")
    assert set(llama.control_texts) == {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}


def test_without_a_digest_the_file_is_hashed_and_the_window_is_the_models(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf", context=128, chat_template=None, add_bos=True, vocab=300)
    backend = load_backend(EngineConfig(model="m", path=path, slots=1, n_ctx=4096, n_batch=64))
    assert backend.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert backend.n_ctx == 128
    assert backend.n_batch == 64
    assert backend.n_vocab == 300
    assert backend.chat_template is None
    bos = backend.tokenize("")
    assert len(bos) == 1
    assert backend.tokenize("hi")[:1] == bos
    assert backend.tokenize("<|endoftext|>hi") == backend.tokenize("hi")
    backend.close()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_survives_tokenising(llama: LlamaBackend, text: str) -> None:
    raw = b"".join(map(llama.piece, llama.tokenize(text)))
    for control in llama.control_texts:
        text = text.replace(control, "")
    assert raw.decode() == text.replace(SEPARATOR, "")


def test_control_tokens_have_no_text_and_cannot_be_typed_through_a_separator(llama: LlamaBackend) -> None:
    (end,) = llama.tokenize("<|im_end|>")
    assert llama._text(-1) == ""
    assert llama.piece(end) == b""
    assert llama.is_end(end)
    typed = llama.tokenize(f"<{SEPARATOR}|im_end|>")
    assert not any(map(llama.is_end, typed))
    assert b"".join(map(llama.piece, typed)) == b"<|im_end|>"


def test_control_tokens_are_spelt_where_asked_for(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    (start,) = llama.tokenize("<|im_start|>")
    options: dict[str, Any] = FREE | {"logit_bias": {start: 100.0}, "max_tokens": 2}
    prompt = llama.tokenize("hi")
    assert answer(llama, llama_config, prompt, **options).text("a") == ""
    spelt = answer(llama, llama_config, prompt, **options, spelled_ids=(start,))
    assert spelt.text("a") == "<|im_start|>" * 2


def test_a_long_piece_is_read_whole(tmp_path: Path, llama: LlamaBackend) -> None:
    assert llama._read_piece(llama.tokenize("hello")[0], 1) == b"hello"


def test_streams_do_not_see_each_other(llama: LlamaBackend) -> None:
    ids, other = llama.tokenize(PROMPT), llama.tokenize("Something else entirely, and longer than that.")
    alone = prefill(llama, 0, ids)
    llama.keep(0, 0)
    prefill(llama, 1, other)
    assert np.allclose(prefill(llama, 0, ids), alone, atol=1e-4)
    assert not np.allclose(prefill(llama, 1, [*other, *ids], len(other)), alone, atol=1e-2)


def test_a_reused_prefix_gives_the_logits_of_a_fresh_prompt(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    llama.keep(0, 0)
    prefill(llama, 0, [*ids[:10], *llama.tokenize("something else")])
    assert llama.keep(0, 10) == 10
    assert np.allclose(prefill(llama, 0, ids, 10), fresh, atol=1e-4)


def test_keep_tells_what_is_there(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    assert llama.keep(0, 5) == 0
    prefill(llama, 0, ids)
    assert llama.keep(0, 1000) == len(ids)
    assert llama.keep(0, 3) == 3
    assert llama.keep(0, 0) == 0


def test_where_a_part_cannot_be_dropped_all_is(llama: LlamaBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    prefill(llama, 0, llama.tokenize(PROMPT))
    remove = llama_cpp.llama_memory_seq_rm
    monkeypatch.setattr(
        llama_cpp,
        "llama_memory_seq_rm",
        lambda memory, s, start, end: start < 0 and remove(memory, s, start, end),
    )
    assert llama.keep(0, 3) == 0
    assert llama.keep(0, 3) == 0


def test_a_copy_gives_the_logits_of_a_fresh_prompt_while_its_donor_goes_on(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    forked = [*ids[:20], *llama.tokenize("something else")]
    fresh = prefill(llama, 0, forked)
    llama.keep(0, 0)
    donor = prefill(llama, 0, [*ids, 7, 8])
    llama.keep(0, len(ids))
    llama.copy(0, 1)
    assert llama.keep(1, 20) == 20
    rows = [Row(0, [7, 8][at], len(ids) + at, at == 1) for at in range(2)]
    rows += [Row(1, forked[at], at, at == len(forked) - 1) for at in range(20, len(forked))]
    llama.decode(rows)
    assert np.allclose(logits(llama, 1), donor, atol=1e-3)
    assert np.allclose(logits(llama, len(rows) - 1), fresh, atol=1e-3)


def test_saved_contents_give_the_logits_of_a_fresh_prompt_on_any_stream(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    size = llama.state_size(0)
    state = llama.save(0)
    assert len(state) == size > 1000
    prefill(llama, 1, llama.tokenize("Something else entirely, and longer than that."))
    llama.keep(0, 0)
    for stream in (1, 0):
        assert llama.restore(stream, state)
        assert llama.keep(stream, 10) == 10
        assert np.allclose(prefill(llama, stream, ids, 10), fresh, atol=1e-3)


def test_a_damaged_state_is_refused_and_leaves_an_empty_stream(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    fresh = prefill(llama, 0, ids)
    assert not llama.restore(0, (ctypes.c_uint8 * 10)())
    assert llama.keep(0, 99) == 0
    assert np.allclose(prefill(llama, 0, ids), fresh, atol=1e-4)


def test_a_stream_that_waits_for_a_copy_cannot_be_saved_nor_its_donor_restored_into(
    llama: LlamaBackend,
) -> None:
    ids = llama.tokenize(PROMPT)
    prefill(llama, 0, ids)
    state = llama.save(0)
    llama.copy(0, 1)
    with pytest.raises(ValueError, match="waits for a copy"):
        llama.save(1)
    for stream in (0, 1):
        with pytest.raises(ValueError, match="takes part in a copy"):
            llama.restore(stream, state)
    llama.save(0)
    prefill(llama, 1, [*ids, 5], len(ids))
    assert llama.restore(0, llama.save(1))


def test_however_prefixes_travel_the_engine_says_what_a_fresh_context_says(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    system = llama.tokenize(PROMPT)
    prompts = {name: [*system, *llama.tokenize(name * 40)] for name in "abcd"}
    seen = Recorder()
    engine = Engine(llama, msgspec.structs.replace(llama_config, slots=2, spare_streams=1))
    for turn in (1, 2):
        for name, prompt in prompts.items():
            engine.submit(make_request(f"{name}{turn}", prompt * turn, temperature=0, max_tokens=12), seen)
        drain(engine)
    assert seen.started("a1").cached_tokens == 0
    assert all(seen.started(f"{name}1").cached_tokens >= len(system) for name in "bcd")
    assert all(seen.started(f"{name}2").cached_tokens >= len(prompts[name]) for name in "abcd")
    for turn in (1, 2):
        for name, prompt in prompts.items():
            alone = answer(llama, llama_config, prompt * turn, temperature=0, max_tokens=12)
            assert seen.text(f"{name}{turn}") == alone.text("a"), (name, turn)


@pytest.mark.parametrize("budget", [0, 1 << 30])
def test_a_sequence_that_loses_its_stream_goes_on_as_if_nothing_had_happened(
    llama: LlamaBackend, llama_config: EngineConfig, budget: int
) -> None:
    config = msgspec.structs.replace(llama_config, slots=1, spare_streams=2, retained_bytes=budget)
    seen, ids = Recorder(), llama.tokenize(PROMPT)
    engine = Engine(llama, config)
    engine.submit(make_request("batch", ids, priority="batch", temperature=0, max_tokens=40), seen)
    for turn in range(6):
        engine.step()
        other = llama.tokenize(f"{turn} is something else entirely, said at quite some length.")
        engine.submit(make_request(str(turn), other, temperature=0, max_tokens=2), seen)
    drain(engine)
    assert seen.token_ids("batch") == answer(
        llama, llama_config, ids, temperature=0, max_tokens=40
    ).token_ids("a")


@pytest.mark.parametrize("temperature", [0, 0.2, 1])
def test_prompt_lookup_says_what_plain_decoding_says(
    llama: LlamaBackend, llama_config: EngineConfig, temperature: float
) -> None:
    ids = llama.tokenize("the heron the heron the heron the heron the")
    plain = msgspec.structs.replace(llama_config, prompt_lookup=0)
    options: dict[str, Any] = {"temperature": temperature, "repeat_penalty": 1.1, "max_tokens": 120}
    expected = answer(llama, plain, ids, **options)
    engine, seen = Engine(llama, llama_config), Recorder()
    engine.submit(make_request("a", ids, **options), seen)
    drain(engine)
    assert seen.token_ids("a") == expected.token_ids("a")
    assert engine.gauges().drafted_tokens > 0 or temperature == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_crowded_engine_says_what_a_fresh_context_says(
    llama: LlamaBackend, llama_config: EngineConfig, seed: int
) -> None:
    random = Random(seed)
    config = msgspec.structs.replace(llama_config, retained_bytes=random.choice([0, 200_000, 1 << 30]))
    beginnings = [llama.tokenize(PROMPT), llama.tokenize(PROMPT[:30] + "it was tired and went to sleep.")]
    engine, seen, prompts = Engine(llama, config), Recorder(), list[list[int]]()
    for number in range(10):
        shared = random.choice([*beginnings, *prompts])[:120]
        prompts.append([*shared, *llama.tokenize(str(random.random()) * random.randint(1, 3))])
        priority: Priority = "batch" if random.random() < 0.5 else "interactive"
        request = make_request(str(number), prompts[-1], priority=priority, temperature=0, max_tokens=10)
        engine.submit(request, seen)
        for _ in range(random.randint(0, 6)):
            engine.step()
            held = [llama_cpp.llama_memory_seq_pos_max(llama._memory, index) + 1 for index in range(3)]
            assert held == [len(stream.tokens) for stream in engine._kv.streams]
    drain(engine)
    for number, prompt in enumerate(prompts):
        alone = answer(llama, llama_config, prompt, temperature=0, max_tokens=10)
        assert seen.token_ids(str(number)) == alone.token_ids("a"), number


def test_a_sliding_window_that_was_not_saved_is_not_relied_on(llama: LlamaBackend) -> None:
    prefill(llama, 0, llama.tokenize(PROMPT))
    llama._n_swa = 8
    assert llama.keep(0, 20) == 20
    assert llama_cpp.llama_memory_seq_rm(llama._memory, 0, 0, 11)
    assert llama.keep(0, 19) == 19
    assert llama.keep(0, 18) == 0


def test_two_turns_in_the_engine_equal_one_fresh_prompt(
    llama: LlamaBackend, llama_config: EngineConfig
) -> None:
    seen = Recorder()
    engine = Engine(llama, llama_config)
    first = llama.tokenize(PROMPT)
    engine.submit(make_request("a", first, temperature=0), seen)
    drain(engine)
    second = [*first, *seen.token_ids("a"), *llama.tokenize(" And then?")]
    engine.submit(make_request("b", second, temperature=0, max_tokens=20), seen)
    drain(engine)
    assert seen.started("b").cached_tokens >= len(first)
    fresh = answer(llama, llama_config, second, temperature=0, max_tokens=20)
    assert fresh.started("a").cached_tokens == 0
    assert seen.text("b") == fresh.text("a")


@pytest.mark.parametrize("temperature", [0, 1])
def test_the_engine_says_what_a_plain_loop_says(
    llama: LlamaBackend, llama_config: EngineConfig, temperature: float
) -> None:
    ids = llama.tokenize(PROMPT)
    seen = answer(llama, llama_config, ids, temperature=temperature, max_tokens=12)
    llama.keep(0, 0)
    sampler = llama.make_sampler(SamplingParams(temperature=temperature, seed=1), ids)
    reply: list[int] = []
    while len(reply) < len(seen.token_ids("a")):
        start = 0 if not reply else len(ids) + len(reply) - 1
        rows = [Row(0, (ids + reply)[at], at, True) for at in range(start, len(ids) + len(reply))]
        llama.decode(rows)
        reply.append(llama.sample(len(rows) - 1, sampler, len(reply)))
    sampler.close()
    assert seen.token_ids("a") == reply


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 1}, {"repeat_penalty": 1.5, "top_k": 0}]
)
@pytest.mark.parametrize("kill", [1, 7, 19])
def test_a_resumed_attempt_draws_as_the_first_would(
    llama: LlamaBackend, llama_config: EngineConfig, options: dict[str, object], kill: int
) -> None:
    ids = llama.tokenize(PROMPT)
    uncut = answer(llama, llama_config, ids, max_tokens=20, **options)
    kept = uncut.deltas("a")[:kill]
    resume = Resume(
        token_ids=[token_id for delta in kept for token_id in delta.token_ids],
        text="".join(delta.text for delta in kept),
    )
    rest = answer(llama, llama_config, ids, max_tokens=20, resume=resume, **options)
    assert resume.text + rest.text("a") == uncut.text("a")
    assert rest.finished("a").usage.completion_tokens == uncut.finished("a").usage.completion_tokens


def test_the_seed_decides(llama: LlamaBackend, llama_config: EngineConfig) -> None:
    ids = llama.tokenize(PROMPT)

    def ask(seed: int) -> list[int]:
        seen = answer(llama, llama_config, ids, temperature=1, top_k=0, top_p=1, min_p=0, seed=seed)
        return seen.token_ids("a")

    assert ask(1) == ask(1)
    assert len({tuple(ask(seed)) for seed in range(6)}) == 6


def test_draws_at_different_positions_follow_the_models_distribution(llama: LlamaBackend) -> None:
    raw = prefill(llama, 0, llama.tokenize(PROMPT)).astype(np.float64)
    probabilities = np.exp(raw - raw.max())
    probabilities /= probabilities.sum()
    params = SamplingParams(temperature=1, top_k=0, top_p=1, min_p=0, seed=3)
    sampler = llama.make_sampler(params, [])
    row = len(llama.tokenize(PROMPT)) - 1
    draws = [llama.sample(row, sampler, position) for position in range(4000)]
    sampler.close()
    observed = np.bincount(draws, minlength=llama.n_vocab) / len(draws)
    # Total variation distance of 4,000 exact draws stays well below this; a biased seed does not.
    expected_distance = np.sqrt(2 * probabilities * (1 - probabilities) / np.pi / len(draws)).sum() / 2
    assert np.abs(observed - probabilities).sum() / 2 < 1.3 * expected_distance


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"top_k": 1}, 1),
        ({"top_k": 3}, 3),
        ({"top_p": 0.0}, 1),
        ({"min_p": 1.0}, 1),
        ({"typical_p": 0.001}, 1),
    ],
)
def test_filters_narrow_the_choice(llama: LlamaBackend, options: dict[str, float], allowed: int) -> None:
    ids = llama.tokenize(PROMPT)
    raw = prefill(llama, 0, ids)
    base = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 3}
    sampler = llama.make_sampler(msgspec.convert(base | options, SamplingParams), [])
    drawn = {llama.sample(len(ids) - 1, sampler, position) for position in range(60)}
    sampler.close()
    assert len(drawn) == allowed
    if "typical_p" not in options:
        assert drawn <= set(np.argsort(raw)[-allowed:])


@pytest.mark.parametrize(
    "penalty", [{"repeat_penalty": 10}, {"presence_penalty": 2}, {"frequency_penalty": 2}]
)
def test_penalties_count_the_prompt_and_what_was_accepted(
    llama: LlamaBackend, penalty: dict[str, float]
) -> None:
    ids = llama.tokenize(PROMPT)
    raw = prefill(llama, 0, ids)
    best = int(raw.argmax())
    row = len(ids) - 1

    def draw(prompt: list[int], accepted: list[int]) -> int:
        sampler = llama.make_sampler(
            msgspec.convert({"temperature": 0, "seed": 0} | penalty, SamplingParams), prompt
        )
        for token_id in accepted:
            sampler.accept(token_id)
        token = llama.sample(row, sampler, 0)
        sampler.close()
        return token

    assert draw([], []) == best
    assert draw([best] * 60, []) != best
    assert draw([], [best] * 60) != best


def test_calls_that_would_abort_the_process_are_refused(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    sampler = llama.make_sampler(SamplingParams(seed=0), ids)
    with pytest.raises(ValueError, match="no logits"):
        llama.sample(0, sampler, 0)
    prefill(llama, 0, ids)
    with pytest.raises(ValueError, match="no logits"):
        llama.sample(0, sampler, 0)
    sampler.close()
    sampler.close()
    with pytest.raises(ValueError, match="rows"):
        llama.decode([])
    with pytest.raises(ValueError, match="rows"):
        llama.decode([Row(0, 1, at, False) for at in range(llama.n_batch + 1)])


def test_a_batch_the_runtime_refuses_raises_and_leaves_the_rest_usable(llama: LlamaBackend) -> None:
    ids = llama.tokenize(PROMPT)
    before = prefill(llama, 0, ids)
    with pytest.raises(DecodeError):
        llama.decode([Row(1, 5, 3, False), Row(1, 5, 1, True)])
    llama.keep(0, 0)
    llama.keep(1, 0)
    assert np.allclose(prefill(llama, 0, ids), before, atol=1e-4)


def test_closing_twice_is_harmless(llama_config: EngineConfig) -> None:
    backend = load_llama_backend(llama_config)
    backend.close()
    backend.close()


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF and then nonsense"])
def test_what_is_no_model_is_refused_with_its_name(
    tmp_path: Path, content: bytes, llama_config: EngineConfig
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(InferenceError, match=r"broken\.gguf") as caught:
        load_backend(msgspec.structs.replace(llama_config, path=path))
    assert caught.value.code == "model_load_failed"


@pytest.mark.parametrize("path", [None, Path("/nowhere/at.gguf")])
def test_a_missing_file_is_refused(path: Path | None, llama_config: EngineConfig) -> None:
    with pytest.raises(InferenceError, match="no model file"):
        load_backend(msgspec.structs.replace(llama_config, path=path))


def test_too_little_memory_is_refused(llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_cpp, "llama_init_from_model", lambda model, params: None)
    with pytest.raises(InferenceError, match="not enough memory"):
        load_backend(llama_config)


def test_a_gpu_without_a_gpu_build_is_refused(
    llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: False)
    with pytest.raises(InferenceError, match="cannot use a GPU"):
        load_backend(msgspec.structs.replace(llama_config, device="gpu"))


def test_flash_attention_is_llama_cpps_choice_unless_configured(llama_config: EngineConfig) -> None:
    kinds = {
        choice: flash_attention(msgspec.structs.replace(llama_config, path=None, flash_attention=choice))
        for choice in (None, True, False)
    }
    assert kinds == {
        None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
        True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }


def test_a_tiny_model_is_better_off_without_flash_attention(llama_config: EngineConfig) -> None:
    tiny = msgspec.structs.replace(llama_config, flash_attention=None)
    assert flash_attention(tiny) == llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    for change in ({"v_type": "q8_0"}, {"device": "gpu"}):
        assert (
            flash_attention(msgspec.structs.replace(tiny, **change)) == llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
        )


def test_llama_cpp_speaks_through_logging_only(
    llama_config: EngineConfig,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Heard at its own logger: the root's handlers print, and are another test's business.
    logger = logging.getLogger("inference.llama")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    with caplog.at_level(logging.DEBUG, logger="inference.llama"):
        load_llama_backend(llama_config).close()
    assert "llama" in caplog.text
    assert capfd.readouterr().err == ""


def test_the_native_structures_are_as_we_think() -> None:
    assert ctypes.sizeof(llama_cpp.llama_token) == 4


def test_every_stream_can_be_filled_to_an_odd_window(llama_config: EngineConfig) -> None:
    config = msgspec.structs.replace(llama_config, slots=3, n_ctx=101, n_batch=32)
    backend = load_llama_backend(config)
    engine, seen = Engine(backend, config), Recorder()
    for name in "abc":
        prompt = backend.tokenize(name * 90)
        engine.submit(make_request(name, prompt, temperature=0, repeat_penalty=2, max_tokens=500), seen)
    drain(engine)
    engine.close()
    for name in "abc":
        finished = seen.finished(name)
        assert finished.finish_reason in ("length", "stop")
        if finished.finish_reason == "length":
            assert finished.usage.prompt_tokens + finished.usage.completion_tokens == 101
    assert any(seen.finished(name).finish_reason == "length" for name in "abc")


def test_a_file_that_was_changed_after_it_was_checked_is_not_loaded(llama_config: EngineConfig) -> None:
    assert llama_config.path is not None
    checked = llama_config.path.stat().st_mtime_ns
    load_llama_backend(msgspec.structs.replace(llama_config, modified_ns=checked)).close()
    with pytest.raises(InferenceError, match="was changed after it was checked"):
        load_llama_backend(msgspec.structs.replace(llama_config, modified_ns=checked - 1))


def test_threads_are_those_the_process_may_use(
    llama_config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.config.os.sched_getaffinity", lambda _: {1, 2, 3}, raising=False)
    monkeypatch.setattr("inference.config.os.cpu_count", lambda: 64)
    assert default_threads(msgspec.structs.replace(llama_config, path=None)) == 3
    assert default_threads(llama_config) == 1
