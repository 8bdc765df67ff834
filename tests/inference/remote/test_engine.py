"""A remote model's replies, over real connections to providers that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from inference.remote import RemoteEngine
from inference.remote.answering import ROUNDS
from inference.types.errors import STOPPED
from inference.types.events import Failed, Finished
from tests.inference.remote.conftest import Client, Directory
from tests.support.provider import (
    HEAD,
    WORDS,
    Script,
    StubProvider,
    says_then,
    sends,
    silence,
    start_provider,
    status,
)

Start = Callable[..., StubProvider]
TWENTY = "".join(WORDS[:20])


def test_a_reply_streams_with_the_providers_own_counts(
    client: Client, start: Start, directory: Directory
) -> None:
    stub = start(api_key="sk-secret")
    text, end = client.ask(temperature=0.5, stop=("END",))

    assert text == TWENTY
    assert isinstance(end, Finished)
    assert (end.finish_reason, end.provider) == ("length", "first")
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (11, 20)
    sent = stub.last.body
    assert (sent["model"], sent["stream"], sent["max_tokens"]) == ("their/big", True, 20)
    assert (sent["temperature"], sent["stop"], sent["seed"]) == (0.5, ["END"], 1)
    assert sent["messages"] == [{"role": "user", "content": "Tell me."}]
    assert stub.last.headers["authorization"] == "Bearer sk-secret"
    client.engine.close()
    assert directory.notes == [("first", "first token"), ("first", "success")]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_is_asked_for_what_is_here(
    name: str, start: Start, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    start()
    engine = RemoteEngine(directory)
    engine.start()
    text, _ = Client(engine).ask()
    engine.close()
    assert text == TWENTY


def test_what_nobody_counts_is_counted_by_pieces(client: Client, start: Start) -> None:
    start().scripts.append(says_then("one ", "two ", "three", then=lambda call: call.finish()))
    _, end = client.ask()
    assert isinstance(end, Finished)
    assert end.usage.completion_tokens == 3
    assert end.usage.prompt_tokens == 3  # "Tell me." by its length


@pytest.mark.parametrize(
    ("script", "code", "retryable"),
    [
        (status(401, '{"error": {"message": "bad key sk-secret"}}'), "provider_auth", False),
        (status(402), "provider_credit", False),
        (status(403), "provider_auth", False),
        (status(404), "provider_model_missing", False),
        (status(400, '{"error": {"message": "no such thing, sk-secret"}}'), "provider_refused", False),
        (status(400, '{"error": {"code": "context_length_exceeded"}}'), "context_length_exceeded", False),
        (status(413), "context_length_exceeded", False),
        (status(302, location="http://127.0.0.1:1/"), "provider_refused", False),
        (status(429), "provider_rate_limited", True),
        (status(429, retry_after="300"), "provider_rate_limited", True),
        (status(500, "<html>"), "provider_failed", True),
        (status(503), "provider_failed", True),
        (sends(HEAD), "provider_interrupted", True),
        (sends(HEAD + b"data: {nonsense\n\n"), "provider_invalid", True),
        (sends(HEAD + b'data: {"choices": [{"del'), "provider_interrupted", True),
        (
            sends(HEAD + b'data: {"error": {"code": 429}}\n\n'),
            "provider_rate_limited",
            True,
        ),
        (sends(HEAD + b'data: {"error": "overloaded"}\n\n'), "provider_failed", True),
        (sends(HEAD + b"data: " + b"x" * 1_100_000), "provider_invalid", True),
        (sends(b"SSH-2.0-OpenSSH_9\r\n\r\n"), "provider_interrupted", True),
        (
            status(200, '{"error": {"message": "no", "code": 401}}', content_type="application/json"),
            "provider_auth",
            False,
        ),
        (status(200, "{}", content_type="application/json"), "provider_invalid", True),
    ],
)
def test_every_problem_is_one_clear_sentence_without_the_key(
    client: Client, start: Start, script: Script, code: str, retryable: bool
) -> None:
    stub = start(api_key="sk-secret")
    stub.scripts.extend([script] * 4)
    text, end = client.ask()

    assert isinstance(end, Failed)
    assert (text, end.code, end.retryable) == ("", code, retryable)
    assert end.message.endswith((".", "…"))
    assert "sk-secret" not in end.message


def test_a_passing_problem_is_tried_again(client: Client, start: Start) -> None:
    stub = start()
    stub.scripts.extend([status(500), status(429, retry_after="0"), sends(HEAD)])
    text, _ = client.ask()
    assert (text, len(stub.calls)) == (TWENTY, 4)


def test_a_refusal_is_not_tried_again(client: Client, start: Start, directory: Directory) -> None:
    stub = start()
    stub.scripts.append(status(400))
    client.ask()
    client.engine.close()
    assert len(stub.calls) == 1
    assert directory.notes == [("first", "refusal")]


def test_how_long_to_leave_a_provider_alone_is_noted(
    client: Client, start: Start, directory: Directory
) -> None:
    start().scripts.append(status(429, retry_after="300"))
    client.ask()
    client.engine.close()
    [(message, rest_s)] = directory.failures
    assert rest_s == 300
    assert "in 300 s" in message


@pytest.mark.parametrize("script", [status(500), status(401), status(429, retry_after="900"), sends(HEAD)])
def test_the_next_provider_answers_for_one_that_fails(client: Client, start: Start, script: Script) -> None:
    first, second = start("first"), start("second")
    first.scripts.append(script)
    text, end = client.ask()
    assert isinstance(end, Finished)
    assert (text, end.provider) == (TWENTY, "second")
    assert (len(first.calls), len(second.calls)) == (1, 1)


def test_one_that_is_not_there_is_left_for_the_next(
    client: Client, start: Start, directory: Directory
) -> None:
    start("second")
    with start_provider() as gone:
        url = gone.url
    start("first", base_url=url)
    directory.all.reverse()
    _, end = client.ask()
    assert isinstance(end, Finished)
    assert end.provider == "second"
    client.engine.close()
    assert directory.notes[0] == ("first", "failure")


def test_one_that_rests_is_not_called(client: Client, start: Start, directory: Directory) -> None:
    first, second = start("first"), start("second")
    directory.rests["first"] = 60
    assert client.ask()[0] == TWENTY
    assert (len(first.calls), len(second.calls)) == (0, 1)
    directory.rests["second"] = 30
    _, end = client.ask()
    assert isinstance(end, Failed)
    assert (end.code, end.retryable) == ("provider_resting", True)
    assert "30 s" in end.message


def test_only_the_chosen_provider_is_asked(client: Client, start: Start) -> None:
    first, second = start("first"), start("second")
    client.ask(provider="second")
    assert (len(first.calls), len(second.calls)) == (0, 1)


def test_a_model_without_providers_says_so(client: Client) -> None:
    _, end = client.ask()
    assert isinstance(end, Failed)
    assert end.code == "no_provider"


def test_a_slow_first_token_is_given_up(client: Client, start: Start) -> None:
    first = start("first", first_token_timeout_s=0.1)
    start("second")

    async def only_comments(call: object) -> None:
        await sends(HEAD + b": PROCESSING\n\n" * 3)(call)  # type: ignore[arg-type]
        await silence(call)  # type: ignore[arg-type]

    first.scripts.append(only_comments)
    _, end = client.ask()
    assert isinstance(end, Finished)
    assert end.provider == "second"
    assert first.last.gone.wait(10)


def test_silence_in_the_middle_is_an_interruption(client: Client, start: Start) -> None:
    start(idle_timeout_s=0.1).scripts.append(says_then("word0 ", then=silence))
    text, end = client.ask()
    assert isinstance(end, Failed)
    assert (text, end.code, end.retryable) == ("word0 ", "provider_interrupted", True)
    assert "kept" in end.message


@pytest.mark.parametrize(
    "cut", [None, sends(b"data: {half"), sends(b'data: {"error": {"message": "gone"}}\n\n'), sends(b"")]
)
@pytest.mark.parametrize("mode", ["assistant", "prefix", "continue_final_message"])
def test_a_reply_cut_off_is_continued_where_that_is_declared(
    client: Client, start: Start, cut: Script | None, mode: str
) -> None:
    stub = start(continuation=mode)
    stub.scripts.append(says_then(*WORDS[:5], then=cut))
    text, end = client.ask()

    assert text.startswith("".join(WORDS[:3]))
    assert text == TWENTY
    assert isinstance(end, Finished)
    assert end.finish_reason == "length"
    last = stub.last.body["messages"][-1]
    assert last["role"] == "assistant"
    assert TWENTY.startswith(last["content"])
    assert last.get("prefix", False) == (mode == "prefix")
    assert stub.last.body.get("continue_final_message", False) == (mode == "continue_final_message")


def test_a_cut_off_reply_goes_on_at_another_provider_that_can(client: Client, start: Start) -> None:
    first = start("first")
    start("second", continuation="assistant")
    first.scripts.append(says_then(*WORDS[:5]))
    text, end = client.ask()
    assert isinstance(end, Finished)
    assert (text, end.provider, len(first.calls)) == (TWENTY, "second", 1)


def test_without_continuation_a_cut_off_reply_fails_and_keeps_its_text(client: Client, start: Start) -> None:
    stub = start()
    stub.scripts.append(says_then(*WORDS[:5]))
    text, end = client.ask()
    assert isinstance(end, Failed)
    assert end.code == "provider_interrupted"
    assert TWENTY.startswith(text)
    assert len(stub.calls) == 1


def test_an_earlier_attempts_text_is_continued_or_refused(client: Client, start: Start) -> None:
    said = "".join(WORDS[:4])
    stub = start()
    _, end = client.ask(said=said)
    assert isinstance(end, Failed)
    assert (end.code, end.retryable, stub.calls) == ("provider_interrupted", True, [])

    stub = start("second", continuation="assistant")
    text, end = client.ask(said=said)
    assert isinstance(end, Finished)
    assert (said + text)[: len(TWENTY)] == "".join(WORDS)[: len(said + text)][: len(TWENTY)]
    assert stub.last.body["messages"][-1]["content"] == said


def test_a_cancel_hangs_up_at_once(client: Client, start: Start, directory: Directory) -> None:
    stub = start()
    stub.scripts.append(says_then("one ", "two ", then=silence))
    client.submit()
    client.until_text(8)
    client.engine.cancel("r")
    _, end = client.until_end()
    assert isinstance(end, Finished)
    assert (end.finish_reason, end.usage.completion_tokens) == ("cancelled", 2)
    assert stub.last.gone.wait(10)
    client.engine.cancel("r")  # unknown by now
    assert client.ask()[0] == TWENTY


def test_the_time_limit_ends_a_reply(client: Client, start: Start) -> None:
    stub = start()
    stub.scripts.append(says_then("one ", then=silence))
    text, end = client.ask(time_limit_ms=150)
    assert isinstance(end, Finished)
    assert (text, end.finish_reason) == ("one ", "timeout")
    assert stub.last.gone.wait(10)


def test_closing_hangs_up_and_says_nothing_more(client: Client, start: Start) -> None:
    stub = start()
    stub.scripts.append(says_then("one ", then=silence))
    client.submit()
    client.until_text()
    client.engine.close()
    assert stub.last.gone.wait(10)
    assert client.heard.empty()
    assert not client.engine.is_alive
    _, end = client.ask()
    assert isinstance(end, Failed)
    assert end.code == "engine_stopped"


def test_stop_strings_end_a_reply_wherever_they_are_cut(client: Client, start: Start) -> None:
    stops = (*(f"stop{number}" for number in range(5)), "HALT")
    stub = start()
    stub.scripts.append(says_then("one HA", "LT two", then=silence))
    text, end = client.ask(stop=stops)
    assert isinstance(end, Finished)
    assert (text, end.finish_reason) == ("one ", "stop")
    assert len(stub.last.body["stop"]) == 4
    assert stub.last.gone.wait(10)


def test_text_that_no_database_takes_is_replaced(client: Client, start: Start) -> None:
    async def odd(call: object) -> None:
        await sends(HEAD + b'data: {"choices":[{"delta":{"content":"a\\u0000b"}}]}\n\n')(call)  # type: ignore[arg-type]
        await answer_end(call)

    async def answer_end(call: object) -> None:
        await call.finish()  # type: ignore[attr-defined]

    start().scripts.append(odd)
    assert client.ask()[0] == "a\ufffdb"


def test_a_request_can_move_until_it_says_something_nobody_continues(client: Client, start: Start) -> None:
    engine: RemoteEngine = client.engine
    start().scripts.append(says_then("one ", then=silence))
    assert engine.can_move("r")
    client.submit()
    client.until_text()
    assert not engine.can_move("r")

    start("second", continuation="assistant")
    engine.cancel("r")
    client.until_end()
    client.submit(provider="second")
    client.until_end()
    assert engine.can_move("r")


def test_who_has_no_stream_left_is_passed_over_and_then_waited_for_in_the_queue(
    client: Client, start: Start, directory: Directory
) -> None:
    full, second = start(), start("second")
    directory.full.add("first")
    _, end = client.ask()
    assert isinstance(end, Finished)
    assert (end.provider, len(full.calls)) == ("second", 0)

    second.scripts.extend([status(500)] * ROUNDS)
    _, end = client.ask()
    assert isinstance(end, Failed)
    assert end.code == STOPPED, "who is only full is worth the wait"


def test_logs_have_no_key_in_them(client: Client, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    stub = start(api_key="sk-secret")
    stub.scripts.append(status(500, json.dumps({"error": {"message": "sk-secret"}})))
    client.ask()
    assert "provider_failed" in caplog.text
    assert "sk-secret" not in caplog.text
    assert "sk-secret" not in repr(stub) + repr(client.engine._answerer)
