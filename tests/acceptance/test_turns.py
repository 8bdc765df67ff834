"""One turn through everything: socket, service, Celery, llama.cpp, flusher, channel layer, socket."""

from __future__ import annotations

import json

import pytest

from tests.support.chat_client import ChatSocket, open_socket, seed_sessions
from tests.support.stack import Stack

pytestmark = pytest.mark.stack

STORED = """
import json
from chat.models import ChatMessage, Generation
row = Generation.objects.select_related("message").get(id={generation_id!r})
print(json.dumps({{
    "content": row.message.content, "message_status": row.message.status, "status": row.status,
    "chunks": "".join(row.chunks.order_by("seq").values_list("text", flat=True)),
    "tokens": sum(len(ids) for ids in row.chunks.values_list("token_ids", flat=True)) // 4,
    "completion_tokens": row.completion_tokens, "prompt_tokens": row.prompt_tokens, "attempt": row.attempt,
}}))
"""


def stored(stack: Stack, generation_id: str) -> dict[str, object]:
    script = STORED.format(generation_id=generation_id)
    found: dict[str, object] = json.loads(stack.manage("shell", "-v", "0", "-c", script))
    return found


async def take_turn(socket: ChatSocket, content: str, **options: object) -> dict[str, object]:
    await socket.ask(content, **options)
    return await socket.finish()


async def test_what_the_socket_read_is_what_the_database_keeps(either_stack: Stack, either_key: str) -> None:
    [session] = seed_sessions(either_stack, 1)
    async with open_socket(either_stack, session, either_key) as socket:
        finished = await take_turn(socket, "Hello, who are you?", max_tokens=40, seed=7)
        generation = str(finished["generation_id"])
        row = stored(either_stack, generation)
        text = socket.text(generation)
    order = [timed.frame["type"] for timed in socket.seen]
    assert finished["type"] == "generation_finished"
    assert order.index("ack") < order.index("generation_started") < order.index("delta")
    assert text == row["content"] == row["chunks"]
    assert (row["status"], row["message_status"], row["attempt"]) == ("succeeded", "complete", 1)
    assert row["tokens"] == row["completion_tokens"] == finished["usage"]["completion_tokens"]  # type: ignore[index]
    assert finished["last_seq"] == len(socket.deltas(generation)) - 1


async def test_a_second_turn_reuses_the_first_ones_cache(either_stack: Stack, either_key: str) -> None:
    [session] = seed_sessions(either_stack, 1)
    async with open_socket(either_stack, session, either_key) as socket:
        await take_turn(socket, "Hello!", max_tokens=8, temperature=0)
        second = await take_turn(socket, "And again?", max_tokens=8, temperature=0)
    usage = second["usage"]
    assert usage["cached_tokens"] > 0  # type: ignore[index]
    assert usage["cached_tokens"] < usage["prompt_tokens"]  # type: ignore[index]


async def test_temperature_zero_repeats_itself(either_stack: Stack, either_key: str) -> None:
    texts = []
    for session in seed_sessions(either_stack, 2):
        async with open_socket(either_stack, session, either_key) as socket:
            finished = await take_turn(socket, "Tell me a story.", max_tokens=30, temperature=0)
            texts.append(socket.text(str(finished["generation_id"])))
    assert texts[0]
    assert texts[0] == texts[1]


async def test_two_sockets_see_one_turn(paced_stack: Stack, paced_key: str) -> None:
    [session] = seed_sessions(paced_stack, 1, model="paced")
    async with (
        open_socket(paced_stack, session, paced_key) as writer,
        open_socket(paced_stack, session, paced_key) as reader,
    ):
        finished = await take_turn(writer, "Hello", max_tokens=20)
        seen = await reader.finish()
        generation = str(finished["generation_id"])
        assert seen["generation_id"] == generation
        assert writer.text(generation) == reader.text(generation) != ""


async def test_resume_in_mid_reply_continues_without_loss_or_repetition(
    paced_stack: Stack, paced_key: str
) -> None:
    [session] = seed_sessions(paced_stack, 1, model="paced")
    async with open_socket(paced_stack, session, paced_key) as first:
        await first.ask("Hello", max_tokens=80)
        for _ in range(3):
            delta = await first.until("delta")
    generation, last_seq = delta["generation_id"], delta["seq"]
    async with open_socket(paced_stack, session, paced_key) as second:
        [active] = second.established["active_generations"]
        assert active["generation_id"] == generation
        assert active["last_seq"] >= last_seq
        await second.send(type="resume", generation_id=generation, after_seq=last_seq)
        await second.finish()
    deltas = first.deltas(generation) + second.deltas(generation)
    assert [item["seq"] for item in deltas] == list(range(len(deltas)))
    assert "".join(item["text"] for item in deltas) == stored(paced_stack, generation)["content"]


async def test_cancel_keeps_the_text_so_far(paced_stack: Stack, paced_key: str) -> None:
    [session] = seed_sessions(paced_stack, 1, model="paced")
    async with open_socket(paced_stack, session, paced_key) as socket:
        await socket.ask("Hello", max_tokens=1000)
        delta = await socket.until("delta")
        await socket.send(type="cancel", generation_id=delta["generation_id"])
        finished = await socket.finish()
    row = stored(paced_stack, delta["generation_id"])
    assert finished["finish_reason"] == "cancelled"
    assert row["message_status"] == row["status"] == "cancelled"
    assert row["content"] == socket.text(delta["generation_id"])


async def test_a_time_limit_keeps_the_text_and_says_timeout(paced_stack: Stack, paced_key: str) -> None:
    [session] = seed_sessions(paced_stack, 1, model="paced")
    async with open_socket(paced_stack, session, paced_key) as socket:
        finished = await take_turn(socket, "Hello", max_tokens=1000, max_response_time_ms=400)
    row = stored(paced_stack, str(finished["generation_id"]))
    assert finished["finish_reason"] == "timeout"
    assert row["message_status"] == "complete"
    assert row["content"] == socket.text(str(finished["generation_id"])) != ""


async def test_a_prompt_that_cannot_fit_gets_a_clear_error(either_stack: Stack, either_key: str) -> None:
    [session] = seed_sessions(either_stack, 1)
    async with open_socket(either_stack, session, either_key) as socket:
        failed = await take_turn(socket, "word " * 9000)
        after = await take_turn(socket, "short", max_tokens=3)
    assert failed["type"] == "generation_failed"
    error = failed["error"]
    assert error["code"] == "context_length_exceeded"  # type: ignore[index]
    assert "tokens long" in error["message"]  # type: ignore[index]
    assert after["type"] == "generation_failed"  # the conversation is still too long


async def test_ten_thousand_quick_sends_disturb_nobody(paced_stack: Stack, paced_key: str) -> None:
    flooded, quiet = seed_sessions(paced_stack, 2, model="paced")
    sends = 10_000
    async with (
        open_socket(paced_stack, flooded, paced_key) as flood,
        open_socket(paced_stack, quiet, paced_key) as other,
    ):
        await other.ask("Hello", max_tokens=20)
        answers = 0
        for start in range(0, sends, 100):
            for number in range(start, start + 100):
                await flood.send(
                    type="send_message", content="x", request_id=f"r{number}", options={"max_tokens": 5}
                )
        finished = await other.finish()
        codes: set[str] = set()
        acknowledged = []
        while answers < sends:
            frame = (await flood.read()).frame
            if frame["type"] == "error":
                codes.add(frame["error"]["code"])
                answers += 1
            elif frame["type"] == "ack":
                acknowledged.append(frame["request_id"])
                answers += 1
        assert codes <= {"reply_in_progress", "too_many_requests"}
        assert "too_many_requests" in codes
        assert acknowledged
    assert finished["finish_reason"] == "length"
