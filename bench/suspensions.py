"""From a moderator's click to closed sockets and a stopped reply, on a running deployment."""

from __future__ import annotations

import asyncio
import json
import time

import httpx2
from websockets.exceptions import ConnectionClosed

from bench.cancels import WITHIN_S, seen_at
from bench.report import Result, percentile
from tests.support.chat_client import ChatSocket, open_socket
from tests.support.stack import Stack, start_stack

SAMPLES = 30
BOUND_MS = 1000.0
CSRF = "x" * 32
PEOPLE = """
import json
from django.test import Client
from chat.models import User
from chat.services.accounts import create_api_key, create_user
from chat.services.sessions import create_session
admin = Client()
admin.force_login(User.objects.get(username={username!r}))
people = []
for number in range({count}):
    user = create_user(username=f"person{{number}}", password="secret")
    session = create_session(user=user, llm_model="paced")
    people.append([str(user.id), str(session.id), create_api_key(user=user, name="bench")[1]])
print(json.dumps([admin.cookies["sessionid"].value, people]))
"""


async def suspensions() -> list[Result]:
    """Wall-clock time on one machine: from the request's sending."""
    with start_stack("--backend", "paced") as stack:
        script = PEOPLE.format(username=stack.username, count=SAMPLES)
        cookie, people = json.loads(stack.manage("shell", "-v", "0", "-c", script).splitlines()[-1])
        cookies = {"sessionid": cookie, "csrftoken": CSRF}
        async with httpx2.AsyncClient(base_url=stack.url, cookies=cookies) as moderator:
            samples = [await _suspend(stack, moderator, *each) for each in people]
    closed, stopped = zip(*samples, strict=True)
    return [_result("sockets closed", closed), _result("reply stopped", stopped)]


async def _suspend(
    stack: Stack, moderator: httpx2.AsyncClient, user: str, session: str, key: str
) -> tuple[float, float]:
    async with open_socket(stack, session, key) as socket:
        await socket.ask("Hello", max_tokens=4000)
        generation_id = (await socket.until("delta"))["generation_id"]
        began = time.time()
        closing = asyncio.create_task(_closed_at(socket))
        answer = await moderator.post(
            f"/moderation/users/{user}/suspend/",
            data={"reason": "A benchmark.", "days": "1"},
            headers={"X-CSRFToken": CSRF},
        )
        if answer.status_code != httpx2.codes.FOUND:
            raise RuntimeError(f"The page answered {answer.status_code}.")
        stopped = await seen_at(stack, rf"generation {generation_id} attempt 1 ended: cancelled")
        return (await closing - began) * 1000, (stopped - began) * 1000


async def _closed_at(socket: ChatSocket) -> float:
    async with asyncio.timeout(WITHIN_S):
        try:
            while True:
                await socket.read()
        except ConnectionClosed:
            return time.time()


def _result(what: str, samples: tuple[float, ...]) -> Result:
    return Result(
        name=f"suspension → {what} ({SAMPLES})",
        unit="ms",
        bounds={"max": BOUND_MS},
        figures={f"p{p}": round(percentile(samples, p), 1) for p in (50, 95)}
        | {"max": round(max(samples), 1)},
        samples=[round(sample, 1) for sample in samples],
    )
