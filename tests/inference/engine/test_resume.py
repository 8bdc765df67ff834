"""A reply cut anywhere and resumed says what an uninterrupted one says, each character once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.backends.paced.backend import PacedBackend
from inference.backends.paced.oracle import expected_text
from inference.engine.engine import Engine
from inference.types.requests import Resume
from tests.support.engine import Recorder, drain, make_request, paced_config

PROMPT = list(b"Once upon a time")
LENGTH = 12
FULL = expected_text(PROMPT, LENGTH)


def run(resume: Resume | None = None, *, steps: int | None = None, stop: tuple[str, ...] = ()) -> Recorder:
    """One attempt; `steps` kills it after that many."""
    seen = Recorder()
    engine = Engine(PacedBackend(paced_config()), paced_config())
    engine.submit(make_request("a", PROMPT, max_tokens=LENGTH, stop=stop, resume=resume), seen)
    if steps is None:
        drain(engine)
    else:
        for _ in range(steps):
            engine.step()
    return seen


@given(
    kill=st.integers(0, LENGTH),
    start=st.integers(0, len(FULL) - 2),
    size=st.integers(1, 12),
    with_stop=st.booleans(),
)
def test_cut_and_resumed_equals_uncut(kill: int, start: int, size: int, with_stop: bool) -> None:
    stop = (FULL[start : start + size],) if with_stop else ()
    uncut = run(stop=stop)
    first = run(steps=kill, stop=stop)
    resume = Resume(token_ids=first.token_ids("a"), text="".join(delta.text for delta in first.deltas("a")))
    second = run(resume, stop=stop)
    assert resume.text + second.text("a") == uncut.text("a")
    assert [*resume.token_ids, *second.token_ids("a")] == uncut.token_ids("a")
    assert second.finished("a").finish_reason == uncut.finished("a").finish_reason
    assert second.finished("a").usage.completion_tokens == uncut.finished("a").usage.completion_tokens
    assert second.finished("a").usage.prompt_tokens == len(PROMPT)
    assert second.finished("a").usage.cached_tokens <= len(PROMPT)


@given(kill=st.integers(1, LENGTH - 1), lost=st.integers(0, 30))
def test_text_that_was_sampled_but_never_released_comes_first(kill: int, lost: int) -> None:
    first = run(steps=kill)
    released = first.text("a")[: max(0, len(first.text("a")) - lost)]
    second = run(Resume(token_ids=first.token_ids("a"), text=released))
    assert released + second.text("a") == FULL


def test_text_flushed_by_the_first_attempt_is_not_repeated() -> None:
    stop = (FULL[:5] + "never",)
    first = run(steps=1, stop=stop)
    assert first.deltas("a")[0].text != FULL[: len(first.text("a")) + 5]
    flushed = expected_text(PROMPT, 1)
    second = run(Resume(token_ids=first.token_ids("a"), text=flushed), stop=stop)
    assert flushed + second.text("a") == FULL


def test_ids_beyond_the_end_are_ignored() -> None:
    ids = run().token_ids("a")
    second = run(Resume(token_ids=[*ids, ids[0]], text=FULL))
    assert second.text("a") == ""
    assert second.finished("a").usage.completion_tokens == LENGTH


def test_cancelled_before_a_slot_the_unread_text_is_not_lost() -> None:
    seen = Recorder()
    engine = Engine(PacedBackend(paced_config()), paced_config())
    ids = run(steps=3).token_ids("a")
    engine.submit(make_request("a", PROMPT, resume=Resume(token_ids=ids, text="")), seen)
    engine.cancel("a")
    drain(engine)
    assert seen.text("a") == expected_text(PROMPT, 3)
