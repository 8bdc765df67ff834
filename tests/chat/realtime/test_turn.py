"""One turn at the socket: sent, queued, streamed, ended, resumed."""

from __future__ import annotations

import pytest

from tests.chat.realtime.sockets import FakeWorker, Room

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


async def test_a_turn_from_send_to_finish(room: Room) -> None:
    worker = FakeWorker()
    async with room.open() as socket:
        await socket.send(type="send_message", content="Hello", request_id="r1")
        ack = await socket.expect("ack")
        await socket.expect("generation_queued")
        await worker.claim()
        for text in ("Hi", " there", "!"):
            await worker.say(text)
        await worker.finish()
        finished = await socket.expect("generation_finished")
    kinds = [frame["type"] for frame in socket.frames]
    assert kinds.index("ack") < kinds.index("message_update") < kinds.index("generation_started")
    deltas = [frame for frame in socket.frames if frame["type"] == "delta"]
    assert [frame["seq"] for frame in deltas] == [0, 1, 2]
    assert "".join(frame["text"] for frame in deltas) == "Hi there!"
    assert finished["last_seq"] == 2
    assert ack["request_id"] == "r1"
    assert ack["generation_id"] == finished["generation_id"]
