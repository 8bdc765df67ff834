"""The oracle keeps its word, its rhythm and its directives."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends import load_backend
from inference.backends.base import SEPARATOR, DecodeError, Row
from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import CLOCK_WRAP, WORDS, PacedSampler, expected_text
from inference.types.sampling import SamplingParams
from tests.support.engine import FakeClock, paced_config

PARAMS = SamplingParams(seed=0)


def test_it_is_loaded_by_name_without_llama_cpp() -> None:
    code = (
        "import sys; from inference.backends import load_backend; from inference.config import EngineConfig;"
        "load_backend(EngineConfig(model='m', backend='paced')); sys.exit('llama_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert isinstance(load_backend(paced_config()), PacedBackend)


@given(st.text())
def test_text_is_its_utf8_bytes(text: str) -> None:
    backend = PacedBackend(paced_config())
    ids = backend.tokenize(text)
    assert b"".join(map(backend.piece, ids)).decode() == text.replace(SEPARATOR, "")
    assert all(0 <= token_id < backend.n_vocab for token_id in ids)


def test_the_answer_depends_on_the_prompt_alone() -> None:
    one, other = expected_text(b"one", 30), expected_text(b"two", 30)
    assert one == expected_text(list(b"one"), 30)
    assert one != other
    assert one.startswith(expected_text(b"one", 29))
    assert set(one.split()) <= set(WORDS)
    # Known once and for all: another machine or release must say the same.
    assert expected_text(b"one", 3) == "fjord thistle juniper "


def test_sampling_says_what_the_oracle_says() -> None:
    backend = PacedBackend(paced_config())
    sampler = backend.make_sampler(PARAMS, b"x")
    ids = [backend.sample(0, sampler, position) for position in range(9)]
    assert b"".join(map(backend.piece, ids)).decode() == expected_text(b"x", 9)
    assert not any(map(backend.is_end, ids))
    sampler.close()
    backend.close()


def test_the_last_end_directive_counts() -> None:
    backend = PacedBackend(paced_config())
    sampler = backend.make_sampler(PARAMS, b"[[end after 9]] no, [[end after 2]]")
    ids = [backend.sample(0, sampler, position) for position in range(3)]
    assert [backend.is_end(token_id) for token_id in ids] == [False, False, True]
    assert backend.piece(ids[2]) == b""


@pytest.mark.parametrize(("prompt", "position"), [("[[crash]]", 0), ("[[crash after 3]]", 3)])
def test_a_crash_directive_aborts_the_process_in_time(
    monkeypatch: pytest.MonkeyPatch, prompt: str, position: int
) -> None:
    class Aborted(Exception):  # noqa: N818
        pass

    def abort() -> None:
        raise Aborted

    monkeypatch.setattr("os.abort", abort)
    backend = PacedBackend(paced_config())
    sampler = backend.make_sampler(PARAMS, prompt.encode())
    for earlier in range(position):
        backend.sample(0, sampler, earlier)
    with pytest.raises(Aborted):
        backend.sample(0, sampler, position)


def test_a_strange_sampler_is_refused() -> None:
    class Strange:
        def accept(self, token_id: int) -> None: ...
        def close(self) -> None: ...

    with pytest.raises(TypeError):
        PacedBackend(paced_config()).sample(0, Strange(), 0)


def test_steps_come_at_the_set_rate_and_prefill_is_free() -> None:
    clock = FakeClock()
    backend = PacedBackend(paced_config(paced_rate=50), clock=clock, sleep=clock.sleep)
    times = []
    for position in range(5):
        backend.decode([Row(0, 65, position, True), Row(1, 65, position, True)])
        times.append(clock.now)
        clock.sleep(0.004)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == pytest.approx([0.02] * 4)
    before = clock.now
    backend.decode([Row(0, 65, position, False) for position in range(5, 60)])
    assert clock.now == before


def test_after_a_pause_it_does_not_catch_up() -> None:
    clock = FakeClock()
    backend = PacedBackend(paced_config(paced_rate=50), clock=clock, sleep=clock.sleep)
    backend.decode([Row(0, 65, 0, True)])
    clock.sleep(10)
    start = clock.now
    for position in range(1, 4):
        backend.decode([Row(0, 65, position, True)])
    assert clock.now - start == pytest.approx(0.04)


@pytest.mark.parametrize("position", [1, 64])
def test_a_gap_or_an_overrun_is_refused(position: int) -> None:
    backend = PacedBackend(paced_config(n_ctx=64))
    if position == 64:
        backend.decode([Row(0, 65, at, False) for at in range(64)])
    with pytest.raises(DecodeError):
        backend.decode([Row(0, 65, position, True)])


def test_keep_truncates_and_never_lengthens() -> None:
    backend = PacedBackend(paced_config())
    backend.decode([Row(0, 65, at, False) for at in range(4)])
    assert backend.keep(0, 9) == 4
    assert backend.keep(0, 2) == 2
    backend.decode([Row(0, 65, 2, True)])


def test_a_clock_prompt_makes_every_token_say_when_it_was_made() -> None:
    backend = PacedBackend(paced_config())
    sampler = PacedSampler(backend.tokenize("What time is it? [[clock]]"))
    before = round(time.monotonic() * 10_000) % CLOCK_WRAP
    said = int(backend.piece(sampler.token_at(0)))
    assert (said - before) % CLOCK_WRAP < 50_000
    assert not backend.is_end(sampler.token_at(1))


def test_contents_can_be_copied_saved_and_restored() -> None:
    backend = PacedBackend(paced_config(slots=2, spare_streams=1))
    backend.decode([Row(0, 65, 0, False), Row(0, 66, 1, False)])
    state = backend.save(0)
    assert len(state) == backend.state_size(0)
    backend.copy(0, 1)
    with pytest.raises(ValueError, match="waits for a copy"):
        backend.save(1)
    for stream in (0, 1):
        with pytest.raises(ValueError, match="takes part in a copy"):
            backend.restore(stream, state)
    backend.decode([Row(1, 67, 2, False)])
    assert backend.restore(2, state)
    assert backend.held == [[65, 66], [65, 66, 67], [65, 66]]
    with pytest.raises(TypeError):
        backend.restore(2, [65])
