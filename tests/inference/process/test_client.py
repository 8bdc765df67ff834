"""The client with a real engine process on the paced backend."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from inference.backends.paced.oracle import expected_text
from inference.engine.sequence import ACKNOWLEDGE_WINDOW
from inference.process import EngineClient
from inference.process import supervisor as supervising
from inference.process.framing import Ready
from inference.process.spawn import EngineProcess
from inference.types.errors import InferenceError
from inference.types.events import Delta, EngineEvent, Failed, Finished, Started
from inference.types.prompts import PromptMessage
from tests.support.engine import make_request, paced_config
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow  # engines of their own


class Reader:
    """An `emit` that acknowledges, keeps everything, and can be waited for."""

    def __init__(self, client: EngineClient, *, acknowledges: bool = True) -> None:
        self.events: list[EngineEvent] = []
        self._client = client
        self._acknowledges = acknowledges
        self._changed = threading.Condition()

    def __call__(self, event: EngineEvent) -> None:
        if isinstance(event, Delta) and self._acknowledges:
            self._client.acknowledge(event.request_id, len(event.token_ids))
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[Reader], object]) -> Reader:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout=30), self.events[-3:]
        return self

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta | Finished))

    @property
    def tokens(self) -> int:
        return sum(len(event.token_ids) for event in self.events if isinstance(event, Delta))

    @property
    def ends(self) -> list[Finished | Failed]:
        return [event for event in self.events if isinstance(event, Finished | Failed)]

    @property
    def end(self) -> Finished | Failed:
        self.wait_for(lambda reader: reader.ends)
        return self.ends[0]


def kill_child(client: EngineClient) -> None:
    assert client.pid is not None
    os.kill(client.pid, signal.SIGKILL)


@pytest.fixture
def client() -> Iterator[EngineClient]:
    client = EngineClient(paced_config(paced_rate=500, slots=4))
    client.start()
    yield client
    client.close()


def tokens_of(client: EngineClient, content: str) -> list[int]:
    return client.prepare([PromptMessage("user", content)]).token_ids


def test_a_started_engine_describes_itself(client: EngineClient) -> None:
    other = EngineClient(paced_config(slots=3, n_ctx=512))
    info = other.start()
    try:
        assert (info.model, info.backend, info.slots, info.n_ctx) == ("paced", "paced", 3, 512)
        assert other.is_alive
        assert not other.is_overdue
        assert other.pid != client.pid
    finally:
        other.close()
    assert not other.is_alive


def test_replies_stream_side_by_side(client: EngineClient) -> None:
    readers = {}
    for name in ("left", "right"):
        readers[name] = Reader(client)
        client.submit(make_request(name, tokens_of(client, name), max_tokens=40), readers[name])

    for name, reader in readers.items():
        assert isinstance(reader.end, Finished)
        assert reader.end.finish_reason == "length"
        assert reader.text == expected_text(tokens_of(client, name), 40)
        assert isinstance(reader.events[0], Started)
    wait_until(lambda: client.gauges.steps >= 40, what="a pulse after the last step")


def test_of_requests_that_come_together_one_that_cannot_be_sent_fails_alone(client: EngineClient) -> None:
    readers = {name: Reader(client) for name in ("a", "b", "bad")}
    prompts: dict[str, list[int]] = {name: tokens_of(client, name) for name in readers}
    requests = {name: make_request(name, prompts[name], max_tokens=8) for name in readers}
    requests["bad"] = msgspec.structs.replace(requests["bad"], prompt_ids=["?"])
    client.submit_all([(requests[name], readers[name]) for name in readers])
    assert isinstance(readers["bad"].end, Failed)
    for name in ("a", "b"):
        assert isinstance(readers[name].end, Finished)
        assert readers[name].text == expected_text(prompts[name], 8)


def test_who_gathers_hears_the_same_in_few_pieces(client: EngineClient) -> None:
    reader = Reader(client)
    prompt_ids = tokens_of(client, "long")
    client.submit(make_request("r", prompt_ids, max_tokens=300, gathers=True), reader)
    assert isinstance(reader.end, Finished)
    assert reader.text == expected_text(prompt_ids, 300)
    assert sum(isinstance(event, Delta) for event in reader.events) < 100


def test_a_prompt_that_cannot_be_prepared_says_why(client: EngineClient) -> None:
    with pytest.raises(InferenceError) as caught:
        client.prepare([PromptMessage("user", "x" * 5000)])
    assert caught.value.code == "context_length_exceeded"

    with pytest.raises(InferenceError) as caught:
        client.prepare([PromptMessage("user", "x")], "{% nonsense")
    assert caught.value.code == "chat_template_error"


def test_an_engine_that_dies_goes_on_where_it_was(client: EngineClient) -> None:
    prompt_ids = tokens_of(client, "survive")
    reader, first_pid = Reader(client), client.pid
    client.submit(make_request("r", prompt_ids, max_tokens=300), reader)
    reader.wait_for(lambda seen: seen.tokens > 50)
    kill_child(client)

    assert isinstance(reader.end, Finished)
    assert reader.text == expected_text(prompt_ids, 300)
    assert reader.tokens == 300
    assert len([event for event in reader.events if isinstance(event, Started)]) == 1
    assert client.pid != first_pid
    assert client.is_alive


def test_a_request_that_crashes_the_engine_fails_and_its_neighbour_does_not(client: EngineClient) -> None:
    prompt_ids = tokens_of(client, "innocent")
    neighbour, poison = Reader(client), Reader(client)
    client.submit(make_request("innocent", prompt_ids, max_tokens=200), neighbour)
    neighbour.wait_for(lambda seen: seen.tokens > 5)
    client.submit(make_request("poison", tokens_of(client, "[[crash after 3]]"), max_tokens=99), poison)

    assert isinstance(poison.end, Failed)
    assert poison.end.code == "poison_request"
    assert isinstance(neighbour.end, Finished)
    assert neighbour.text == expected_text(prompt_ids, 200)
    assert (len(poison.ends), len(neighbour.ends)) == (1, 1)


def test_cancel_ends_a_reply_once(client: EngineClient) -> None:
    reader = Reader(client)
    client.submit(make_request("r", tokens_of(client, "stop me"), max_tokens=100_000), reader)
    reader.wait_for(lambda seen: seen.tokens > 3)
    client.cancel("r")
    client.cancel("r")
    client.cancel("unknown")

    assert isinstance(reader.end, Finished)
    assert reader.end.finish_reason == "cancelled"
    assert len(reader.ends) == 1


def test_who_does_not_read_is_parked(client: EngineClient) -> None:
    lazy = Reader(client, acknowledges=False)
    client.submit(make_request("lazy", tokens_of(client, "lazy"), max_tokens=600), lazy)
    lazy.wait_for(lambda seen: seen.tokens > ACKNOWLEDGE_WINDOW)
    busy = Reader(client)
    client.submit(make_request("busy", tokens_of(client, "busy"), max_tokens=60), busy)
    assert busy.end

    assert lazy.tokens == ACKNOWLEDGE_WINDOW + 1
    lazy._acknowledges = True
    client.acknowledge("lazy", lazy.tokens)
    assert isinstance(lazy.end, Finished)
    assert lazy.tokens == 600


def test_a_prompt_survives_one_crash_but_not_two(client: EngineClient) -> None:
    client.crashed()  # as the supervisor tells it: the ledger is closed until the next child is ready
    answers: list[object] = []

    def prepare() -> None:
        try:
            answers.append(client.prepare([PromptMessage("user", "hello")]))
        except InferenceError as error:
            answers.append(error.code)

    first = threading.Thread(target=prepare)
    first.start()
    wait_until(lambda: client._calls._open, what="the call")
    kill_child(client)  # the call waits through this crash
    first.join(20)
    client.crashed()
    second = threading.Thread(target=prepare)
    second.start()
    wait_until(lambda: client._calls._open, what="the call")
    client.crashed()
    client.crashed()
    second.join(20)

    prepared, refused = answers
    assert prepared == client_prompt("hello")
    assert refused == "engine_crashed"


def client_prompt(content: str) -> object:
    from inference.backends import load_backend
    from inference.prompt import prepare_prompt

    backend = load_backend(paced_config())
    return prepare_prompt(backend, [PromptMessage("user", content)], "", backend.n_ctx)


SLOW = "{% set r = range(9000) | list %}{% for a in range(90000) %}{% set s = r | sum %}{% endfor %}"
"""Takes all the time that a template may have."""


def test_a_prompt_that_takes_too_long_costs_nobody_else_anything(client: EngineClient) -> None:
    prompt_ids = tokens_of(client, "neighbour")
    neighbour, first_pid = Reader(client), client.pid
    client.submit(make_request("neighbour", prompt_ids, max_tokens=300), neighbour)

    with pytest.raises(InferenceError) as caught:
        client.prepare([PromptMessage("user", "hello")], SLOW, timeout_s=0.01)
    assert (caught.value.code, caught.value.retryable) == ("prompt_timeout", True)
    assert client.prepare([PromptMessage("user", "hello")]) == client_prompt("hello")
    assert isinstance(neighbour.end, Finished)
    assert neighbour.text == expected_text(prompt_ids, 300)
    assert client.pid == first_pid


def test_a_prompt_has_its_time_from_when_its_turn_has_come(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[str] = []

    def prepare() -> None:
        with pytest.raises(InferenceError) as caught:
            client.prepare([PromptMessage("user", "hello")], SLOW, timeout_s=4)
        codes.append(caught.value.code)

    callers = [threading.Thread(target=prepare) for _ in range(12)]
    started = time.monotonic()
    for caller in callers:
        caller.start()
    assert client.prepare([PromptMessage("user", "hello")]) == client_prompt("hello")
    assert codes == [], "the neighbour did not wait for any of them"
    for caller in callers:
        caller.join(60)

    assert time.monotonic() - started > 4
    assert codes == ["chat_template_error"] * 12
    monkeypatch.setattr("inference.process.calls.QUEUE_S", 0.0)
    with pytest.raises(InferenceError, match="too long"):
        client.prepare([PromptMessage("user", "hello")])


def test_a_prompt_outlives_an_engine_that_hangs(client: EngineClient) -> None:
    first_pid = client.pid
    assert first_pid is not None
    os.kill(first_pid, signal.SIGSTOP)
    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(client_ask(client)))
    caller.start()
    wait_until(lambda: client._calls._open, what="the call")
    client.kill()  # as the worker does, when the pulse is overdue
    caller.join(20)

    assert answers == [client_prompt("hello")]
    assert client.pid != first_pid


def client_ask(client: EngineClient) -> object:
    return client.prepare([PromptMessage("user", "hello")], timeout_s=5)


@pytest.mark.parametrize(("content", "template"), [("\ud800", ""), ("hello", "{{ '\ud800' }}")])
def test_text_that_is_not_unicode_is_refused_before_it_is_sent(
    client: EngineClient, content: str, template: str
) -> None:
    with pytest.raises(InferenceError, match="text or numbers without a form") as caught:
        client.prepare([PromptMessage("user", content)], template)

    assert caught.value.code == "invalid_request"
    assert client._calls._open == {}


def test_a_closed_client_lets_nobody_hear_and_refuses(client: EngineClient) -> None:
    reader, late = Reader(client), Reader(client)
    client.submit(make_request("r", tokens_of(client, "hello"), max_tokens=100_000), reader)
    reader.wait_for(lambda seen: seen.tokens > 3)
    pid = client.pid
    client.close()

    assert reader.ends == []
    assert pid is not None
    assert not psutil.pid_exists(pid)
    client.submit(make_request("late", [1]), late)
    assert isinstance(late.end, Failed)
    assert (late.end.code, late.end.retryable) == ("engine_stopped", True)
    with pytest.raises(InferenceError, match="stopping"):
        client.prepare([])


def test_a_model_that_cannot_be_loaded_says_why() -> None:
    client = EngineClient(paced_config(backend="llama", path=Path("/nowhere/model.gguf")))

    with pytest.raises(InferenceError) as caught:
        client.start()
    assert caught.value.code == "model_load_failed"
    assert not client.is_alive


def test_a_model_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    client = EngineClient(paced_config(), load_timeout_s=0.001)

    with pytest.raises(InferenceError) as caught:
        client.start()
    assert caught.value.code == "model_load_timeout"
    assert client.pid is not None
    assert not psutil.pid_exists(client.pid)


def test_an_engine_that_dies_while_loading_says_so() -> None:
    client = EngineClient(paced_config())
    starting = threading.Thread(target=lambda: failures.append(_failure(client)))
    failures: list[str] = []
    original = EngineProcess.reports

    def die(process: EngineProcess) -> Iterator[object]:
        process.kill()
        yield from original(process)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EngineProcess, "reports", die)
        starting.start()
        starting.join(20)

    assert failures == ["model_load_failed"]


def test_a_client_that_is_closed_waits_for_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    client, failures = EngineClient(paced_config()), list[str]()
    original, waits = EngineProcess.reports, threading.Event()

    def never_ready(process: EngineProcess) -> Iterator[object]:
        for report in original(process):
            if isinstance(report, Ready):
                waits.set()
            else:
                yield report

    monkeypatch.setattr(EngineProcess, "reports", never_ready)
    starting = threading.Thread(target=lambda: failures.append(_failure(client)))
    starting.start()
    assert waits.wait(30)
    client.close()
    starting.join(30)

    assert failures == ["engine_stopped"]


def test_a_client_that_was_closed_before_does_not_start() -> None:
    client = EngineClient(paced_config())
    client.close()

    assert _failure(client) == "engine_stopped"
    assert client.pid is not None
    assert not psutil.pid_exists(client.pid)


def _failure(client: EngineClient) -> str:
    try:
        client.start()
    except InferenceError as error:
        return error.code
    return ""


def test_an_engine_that_no_longer_loads_is_given_up_and_its_replies_are_for_others(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(client)
    client.submit(make_request("r", tokens_of(client, "hello"), max_tokens=100_000), reader)
    reader.wait_for(lambda seen: seen.tokens > 3)
    monkeypatch.setattr(supervising, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(client._supervisor, "_config", paced_config(backend="llama", path=Path("/nowhere")))
    kill_child(client)

    assert isinstance(reader.end, Failed)
    assert reader.end.code == "engine_stopped"
    wait_until(lambda: not client.is_alive, what="the supervisor giving up")
