"""The chat API over HTTP, with whole turns behind it."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import pytest

from tests.support.chat_client import create_api_key, open_socket
from tests.support.stack import Stack, start_stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

CHAT = "/api/v1/chat"


@asynccontextmanager
async def connect(stack: Stack, key: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        yield client


async def new_session(client: httpx2.AsyncClient) -> str:
    response = await client.post(f"{CHAT}/sessions", json={"title": "HTTP"})
    return str(response.json()["id"])


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[int | None, dict[str, Any]]]:
    """(id, data) of every event."""
    seq = None
    async for line in lines:
        if line.startswith("id: "):
            seq = int(line[4:])
        elif line.startswith("data: "):
            yield seq, json.loads(line[6:])
            seq = None


async def collect(response: httpx2.Response) -> list[tuple[int | None, dict[str, Any]]]:
    return [event async for event in read_events(response.aiter_lines())]


def text_of(events: list[tuple[int | None, dict[str, Any]]]) -> str:
    return "".join(data["content"] for _, data in events if data["type"] == "token")


async def test_a_reply_waited_for(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        body = {"prompt": "Hello", "max_tokens": 8, "session_id": session, "provider": "LOCAL"}
        response = await client.post(f"{CHAT}/sessions/{session}/process-llm", json=body)
        reply = response.json()
        assert set(reply) == {
            *("message_id", "session_id", "response", "tokens_used", "response_time_ms", "provider"),
            *("model", "success", "error_message"),
        }
        assert (reply["success"], reply["error_message"], reply["tokens_used"]) == (True, None, 8)
        listed = (await client.get(f"{CHAT}/sessions/{session}/messages")).json()["messages"]
        assert [message["content"] for message in listed] == ["Hello", reply["response"]]
        again = {"message_id": listed[0]["id"], "max_tokens": 4}
        other = (await client.post(f"{CHAT}/sessions/{session}/process-llm", json=again)).json()
        assert (other["tokens_used"], other["success"]) == (4, True)


@pytest.mark.parametrize("field", ["both", "neither", "session_id", "provider", "model_name", "max_tokens"])
async def test_what_process_llm_refuses(paced_stack: Stack, paced_key: str, field: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "both": {"prompt": "x", "message_id": "6f7a7d4e-6b0c-4a39-8f6e-0d9b6c1f5a11"},
        "neither": {},
        "session_id": {"prompt": "x", "session_id": "6f7a7d4e-6b0c-4a39-8f6e-0d9b6c1f5a11"},
        "provider": {"prompt": "x", "provider": "NOBODY"},
        "model_name": {"prompt": "x", "model_name": "unheard-of"},
        "max_tokens": {"prompt": "x", "max_tokens": 0},
    }
    async with connect(paced_stack, paced_key) as client:
        path = f"{CHAT}/sessions/{await new_session(client)}/process-llm"
        response = await client.post(path, json=bodies[field])
        assert response.status_code == 422
        assert response.json()["details"]["field"] in (field, "prompt")


async def test_a_reply_as_a_stream(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        body = {"prompt": "Hello", "max_tokens": 20, "stream": True}
        path = f"{CHAT}/sessions/{session}/process-llm"
        async with client.stream("POST", path, json=body) as response:
            assert response.headers["content-type"] == "text/event-stream"
            events = await collect(response)
        assert [data["type"] for _, data in events][-2:] == ["metadata", "done"]
        tokens = [(seq, data["tokenCount"]) for seq, data in events if data["type"] == "token"]
        assert tokens == [(number, number + 1) for number in range(len(tokens))]
        assert events[-2][1]["tokenCount"] == 20
        assert events[-2][1]["finishReason"] == "length"
        stored = (await client.get(f"{CHAT}/sessions/{session}/messages")).json()["messages"][-1]
        assert stored["content"] == text_of(events)


async def test_a_lost_stream_is_resumed(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        body = {"prompt": "Hello", "max_tokens": 60, "stream": True}
        seen: list[tuple[int | None, dict[str, Any]]] = []
        async with client.stream("POST", f"{CHAT}/sessions/{session}/process-llm", json=body) as response:
            generation = response.headers["x-generation-id"]
            async for event in read_events(response.aiter_lines()):
                seen.append(event)
                if len(seen) == 3:
                    break
        path = f"{CHAT}/generations/{generation}/stream"
        headers = {"Last-Event-ID": str(seen[-1][0])}
        async with client.stream("GET", path, headers=headers) as response:
            rest = await collect(response)
        async with client.stream("GET", path, params={"after_seq": -1}) as response:
            whole = await collect(response)
        assert text_of(seen) + text_of(rest) == text_of(whole)
        row = (await client.get(f"{CHAT}/generations/{generation}")).json()
        assert (row["status"], row["usage"]["completion_tokens"]) == ("succeeded", 60)


@pytest.mark.parametrize("path", [f"{CHAT}/live", "/api/ai/live"])
async def test_live(paced_stack: Stack, paced_key: str, path: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        body = {"message": "Hello", "systemPrompt": "Rhyme.", "maxTokens": 5, "temperature": 0.5}
        async with client.stream("POST", path, json=body) as response:
            session = response.headers["x-session-id"]
            events = await collect(response)
        assert [data["type"] for _, data in events][-2:] == ["metadata", "done"]
        assert events[-2][1]["tokenCount"] == 5
        more = {"message": "Again", "conversationId": session, "maxTokens": 2}
        async with client.stream("POST", path, json=more) as response:
            assert (await collect(response))[-2][1]["tokenCount"] == 2
        assert (await client.get(f"{CHAT}/sessions/{session}/messages")).json()["total_count"] == 4


async def test_closing_live_cancels_and_closing_another_stream_does_not(
    paced_stack: Stack, paced_key: str
) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        live = {"message": "Hello", "maxTokens": 400}
        process = {"prompt": "Hello", "max_tokens": 30, "stream": True}
        ends = {}
        for path, body in [
            (f"{CHAT}/live", live),
            (f"{CHAT}/sessions/{session}/process-llm", process),
        ]:
            async with client.stream("POST", path, json=body) as response:
                generation = response.headers["x-generation-id"]
                async for _ in read_events(response.aiter_lines()):
                    break
            ends[path] = await end_of(paced_stack, paced_key, generation)
        assert list(ends.values()) == ["cancelled", "succeeded"]


async def end_of(stack: Stack, key: str, generation: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}

    def ended() -> str:
        url = f"{stack.url}{CHAT}/generations/{generation}"
        status = str(httpx2.get(url, headers=headers).json()["status"])
        return "" if status in ("queued", "running") else status

    return wait_until(ended, what="the end of a generation", interval=0.1)


async def test_a_reply_is_stopped(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        path = f"{CHAT}/sessions/{await new_session(client)}/messages"
        sent = {"content": "Hello", "options": {"max_tokens": 500}}
        generation = (await client.post(path, json=sent)).json()["generation_id"]
        assert (await client.post(f"{CHAT}/generations/{generation}/cancel")).status_code == 200
        assert await end_of(paced_stack, paced_key, generation) == "cancelled"


async def test_deleting_a_session_closes_its_sockets(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        async with open_socket(paced_stack, session, paced_key) as socket:
            assert (await client.delete(f"{CHAT}/sessions/{session}")).status_code == 200
            await socket.connection.wait_closed()
            assert socket.connection.close_code == 4404


async def test_http_and_socket_see_the_same_turn(paced_stack: Stack, paced_key: str) -> None:
    async with connect(paced_stack, paced_key) as client:
        session = await new_session(client)
        async with open_socket(paced_stack, session, paced_key) as socket:
            sent = {"content": "Hello", "options": {"max_tokens": 10}}
            posted = (await client.post(f"{CHAT}/sessions/{session}/messages", json=sent)).json()
            finished = await socket.finish()
            assert finished["generation_id"] == posted["generation_id"]
            text = socket.text(posted["generation_id"])
        messages = (await client.get(f"{CHAT}/sessions/{session}/messages")).json()["messages"]
        assert messages[-1]["content"] == text


async def test_a_server_that_stops_leaves_a_live_reply_to_its_worker() -> None:
    with start_stack("--backend", "paced", PACED_RATE="20") as stack:
        key = create_api_key(stack)
        async with connect(stack, key) as client:
            body = {"message": "Hello", "maxTokens": 900}
            async with client.stream("POST", f"{CHAT}/live", json=body) as response:
                generation = response.headers["x-generation-id"]
                events = read_events(response.aiter_lines())
                await anext(events)
                stack.process.send_signal(signal.SIGTERM)
                with suppress(httpx2.HTTPError):
                    _ = [event async for event in events]
        stack.process.wait(40)
        script = (
            f"from chat.models import Generation; print(Generation.objects.get(id={generation!r}).status)"
        )
        assert stack.manage("shell", "-v", "0", "-c", script).strip() == "queued"


async def test_one_login_and_one_limit_for_http_and_sockets(paced_stack: Stack) -> None:
    who = {"username": paced_stack.username, "password": paced_stack.password}
    login = httpx2.post(f"{paced_stack.url}/api/v1/auth/token", json=who).raise_for_status().json()
    async with connect(paced_stack, login["access"]) as client:
        session = await new_session(client)
        file = {"file": ("notes.txt", b"Tea at five.")}
        uploaded = (await client.post(f"{CHAT}/sessions/{session}/upload", files=file)).json()
        async with open_socket(paced_stack, session, login["access"]) as socket:
            options = {"max_tokens": 1}
            sent = {"content": "When?", "attachments": [uploaded["id"]], "options": options}
            await socket.send(type="send_message", **sent)
            await socket.finish()
        stored = (await client.get(f"{CHAT}/sessions/{session}/messages")).json()["messages"]
        assert [file["name"] for file in stored[0]["attachments"]] == ["notes.txt"]
        limited = await client.get(f"{CHAT}/stats")
    assert limited.headers["RateLimit-Policy"] == '"user";q=2000;w=20'
    assert limited.headers["RateLimit"].startswith('"user";r=1')


@pytest.mark.parametrize("path", [f"{CHAT}/sessions", "/v1/chat/completions"])
async def test_a_gigantic_body_is_cut_off(paced_stack: Stack, paced_key: str, path: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * (1 << 18)

    async with connect(paced_stack, paced_key) as client:
        headers = {"Content-Type": "application/json"}
        response = await client.post(path, content=endless(), headers=headers)
        assert (response.status_code, "at most" in response.text) == (413, True)
        assert (await client.get(f"{CHAT}/sessions")).status_code == 200
