"""The chat socket against the real application, Redis and database."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from chat.models import ApiKey, ChatMessage, Generation, Participant, ParticipantRole
from chat.realtime import consumers, followers, typing_notice
from chat.realtime.commands import Performed, perform
from chat.realtime.database import in_database
from chat.realtime.logins import logins
from chat.realtime.protocol.doorbells import Doorbell, session_group
from chat.realtime.protocol.events import encode_event
from chat.realtime.publisher import flush_publisher, publish
from chat.realtime.tickets import issue_ticket
from chat.services.accounts import suspend_user
from tests.chat.realtime.sockets import FakeWorker, Room, Socket, bearer, open_socket
from tests.support.factories import make_generation, make_session, make_user

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
NIL = "00000000-0000-0000-0000-000000000000"


async def send_and_get(socket: Socket, **command: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    await socket.send(type="send_message", **command)
    return await socket.expect("ack"), await socket.expect("generation_queued")


async def join(room: Room, role: ParticipantRole) -> tuple[Any, dict[str, str]]:
    user = await in_database(make_user)()
    await in_database(Participant.objects.create)(session=room.session, user=user, role=role)
    return user, await bearer(user)


class TestLogin:
    async def test_a_key_needs_no_origin(self, room: Room) -> None:
        async with room.open(welcome=False) as socket:
            hello = await socket.expect("connection_established")
        assert hello["session_id"] == str(room.session.id)
        assert hello["user_id"] == str(room.session.owner_id)
        assert hello["protocol"] == 1
        assert hello["active_generations"] == []
        assert socket.frames[0] == hello

    async def test_a_cookie_needs_one_of_our_origins(self, room: Room) -> None:
        client = Client()
        await in_database(client.force_login)(room.session.owner)
        cookie = {"cookie": f"sessionid={client.cookies['sessionid'].value}", "host": "localhost:8000"}
        async with open_socket(
            room.session.id, headers={**cookie, "origin": "http://localhost:8000"}
        ) as socket:
            await socket.until_silent_ping()
        for origin in ("", "https://evil.example", "http://localhost:9000", "https://localhost:8000"):
            headers = {**cookie, "origin": origin}
            async with open_socket(room.session.id, headers=headers, welcome=False) as socket:
                assert await socket.close_code() == 4403

    async def test_behind_tls_our_origin_is_https(self, room: Room, settings: Any) -> None:
        settings.BEHIND_TLS = True
        client = Client()
        await in_database(client.force_login)(room.session.owner)
        headers = {"cookie": f"sessionid={client.cookies['sessionid'].value}", "host": "localhost"}
        async with open_socket(room.session.id, headers=headers | {"origin": "https://localhost"}) as socket:
            await socket.until_silent_ping()
        plain = headers | {"origin": "http://localhost"}
        async with open_socket(room.session.id, headers=plain, welcome=False) as socket:
            assert await socket.close_code() == 4403

    async def test_a_ticket_works_once(self, room: Room) -> None:
        ticket = issue_ticket(user_id=room.session.owner_id)
        async with open_socket(room.session.id, query=f"?ticket={ticket}"):
            pass
        async with open_socket(room.session.id, query=f"?ticket={ticket}", welcome=False) as socket:
            assert await socket.close_code() == 4401

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"authorization": "Bearer pk_wrong"},
            {"cookie": "sessionid=x", "host": "localhost", "origin": "http://localhost"},
        ],
    )
    async def test_nobody_is_4401(self, room: Room, headers: dict[str, str]) -> None:
        async with open_socket(room.session.id, headers=headers, welcome=False) as socket:
            assert await socket.close_code() == 4401

    async def test_an_inactive_user_is_nobody(self, room: Room) -> None:
        ticket = issue_ticket(user_id=room.session.owner_id)
        await in_database(get_user_model().objects.update)(is_active=False)
        async with room.open(welcome=False) as socket:
            assert await socket.close_code() == 4401
        async with open_socket(room.session.id, query=f"?ticket={ticket}", welcome=False) as socket:
            assert await socket.close_code() == 4401

    async def test_a_socket_writes_no_longer_than_its_key_is_good(self, room: Room) -> None:
        async with room.open() as socket:
            await in_database(ApiKey.objects.update)(revoked_at=timezone.now())
            await socket.until_silent_ping()
            await socket.send(type="send_message", content="Hello")
            assert await socket.close_code() == 4401
        assert not await in_database(ChatMessage.objects.exists)()

    async def test_nor_longer_than_its_account_is_active(self, room: Room) -> None:
        ticket = issue_ticket(user_id=room.session.owner_id)
        async with open_socket(room.session.id, query=f"?ticket={ticket}") as socket:
            await in_database(get_user_model().objects.update)(is_active=False)
            await socket.send(type="resume", generation_id=NIL)
            assert await socket.close_code() == 4401

    @pytest.mark.parametrize("ends", ["logout", "password"])
    async def test_nor_longer_than_its_cookie(self, room: Room, ends: str) -> None:
        client, owner = Client(), room.session.owner
        await in_database(client.force_login)(owner)
        cookie = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
        here = {"host": "localhost", "origin": "http://localhost"}
        async with open_socket(room.session.id, headers=cookie | here) as socket:
            await send_and_get(socket, content="Hello")
            if ends == "logout":
                await in_database(client.logout)()
            else:
                owner.set_password("another one")
                await in_database(owner.save)()
            await socket.send(type="send_message", content="Hello")
            assert await socket.close_code() == 4401

    async def test_logging_out_closes_the_sockets_of_that_login_at_once(self, room: Room) -> None:
        client, owner = Client(), room.session.owner
        await in_database(client.force_login)(owner)
        cookie = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
        here = {"host": "localhost", "origin": "http://localhost"}
        async with open_socket(room.session.id, headers=cookie | here) as socket, room.open() as other:
            await socket.until_silent_ping()
            await logins()._users[owner.id].subscription.wait_tried()
            await in_database(client.post)("/accounts/logout/")
            assert await socket.close_code() == 4401
            await other.until_silent_ping()
        assert not logins()._users

    @pytest.mark.parametrize("by", ["key", "ticket", "cookie"])
    async def test_a_suspension_closes_sockets_at_once_and_stops_replies(self, room: Room, by: str) -> None:
        client, owner, query = Client(), room.session.owner, ""
        headers = room.headers if by == "key" else {}
        if by == "ticket":
            query = f"?ticket={issue_ticket(user_id=owner.id)}"
        if by == "cookie":
            await in_database(client.force_login)(owner)
            cookie = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
            headers = cookie | {"host": "localhost", "origin": "http://localhost"}
        async with open_socket(room.session.id, headers=headers, query=query) as socket:
            ack, _ = await send_and_get(socket, content="Hello")
            await logins()._users[owner.id].subscription.wait_tried()
            await in_database(suspend_user)(user=owner, reason="Spam")
            assert await socket.close_code() == 4401
        row = await in_database(Generation.objects.get)(id=ack["generation_id"])
        assert row.status == "cancelled"
        async with open_socket(room.session.id, headers=headers, query=query, welcome=False) as socket:
            assert await socket.close_code() == 4401

    async def test_someone_else_s_session_is_4403(self, room: Room) -> None:
        headers = await bearer(await in_database(make_user)())
        async with open_socket(room.session.id, headers=headers, welcome=False) as socket:
            assert await socket.close_code() == 4403

    @pytest.mark.parametrize("session_id", [NIL, "nonsense"])
    async def test_no_such_session_is_4404(self, room: Room, session_id: str) -> None:
        async with open_socket(session_id, headers=room.headers, welcome=False) as socket:
            assert await socket.close_code() == 4404
            await socket.send(type="ping")

    async def test_too_many_sockets_is_4429_and_tells_nobody(self, room: Room, settings: Any) -> None:
        settings.MAX_SOCKETS_PER_USER = 1
        async with room.open() as first:
            await first.expect("user_joined")
            async with room.open(welcome=False) as second:
                assert await second.close_code() == 4429
            assert await first.until_silent_ping() == []
        async with room.open():
            pass

    async def test_no_such_path_is_refused(self) -> None:
        from channels.testing import WebsocketCommunicator

        from chatproject.asgi import application

        connected, _ = await WebsocketCommunicator(application, "/nowhere").connect()
        assert not connected

    async def test_our_own_fault_is_1011(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*args: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(consumers, "admit", broken)
        async with room.open(welcome=False) as socket:
            assert await socket.close_code() == 1011


class TestTurns:
    async def test_the_sender_hears_ack_then_messages_then_queue(self, room: Room) -> None:
        async with room.open() as socket:
            await socket.expect("user_joined")
            socket.frames.clear()
            ack, queued = await send_and_get(socket, content="Hello", request_id="r")
            assert await asyncio.to_thread(flush_publisher, 5)
            await socket.until_silent_ping()
        kinds = [frame["type"] for frame in socket.frames]
        assert kinds == ["ack", "message_update", "message_update", "generation_queued", "pong"]
        user, reply = (frame["message"] for frame in socket.frames[1:3])
        assert (user["role"], user["content"], user["id"]) == ("user", "Hello", ack["message_id"])
        assert (reply["role"], reply["status"], reply["id"]) == (
            "assistant",
            "streaming",
            queued["message_id"],
        )
        assert ack["generation_id"] == queued["generation_id"]
        assert queued["position"] == 1

    async def test_a_second_tab_sees_everything_live(self, room: Room) -> None:
        worker = FakeWorker()
        async with room.open() as first, room.open() as second:
            await first.send(type="send_message", content="Hello")
            await second.expect("generation_queued")
            await worker.claim()
            await worker.say("one")
            await worker.say("two")
            await worker.finish()
            await first.expect("generation_finished")
            await second.expect("generation_finished")
        for socket in (first, second):
            deltas = [frame["text"] for frame in socket.frames if frame["type"] == "delta"]
            news = [frame for frame in socket.frames if frame["type"] == "message_update"]
            assert deltas == ["one", "two"]
            assert [frame["action"] for frame in news] == ["new_message", "new_message"]

    async def test_a_retry_is_the_same_turn(self, room: Room) -> None:
        async with room.open() as socket:
            await socket.expect("user_joined")
            ack, _ = await send_and_get(socket, content="Hello", request_id="same")
            await socket.send(type="send_message", content="Hello", request_id="same")
            again = await socket.expect("ack")
            frames = await socket.until_silent_ping()
        assert again == ack
        assert frames == []
        assert await in_database(Generation.objects.count)() == 1

    async def test_a_request_id_is_of_one_kind_of_command(self, room: Room) -> None:
        async with room.open() as socket:
            _, queued = await send_and_get(socket, content="Hello", request_id="same")
            await socket.send(type="regenerate", message_id=queued["message_id"], request_id="same")
            error = (await socket.expect("error", request_id="same"))["error"]
        assert (error["code"], error["field"]) == ("request_id_reused", "request_id")

    async def test_cancel_in_the_queue(self, room: Room) -> None:
        async with room.open() as socket:
            _, queued = await send_and_get(socket, content="Hello")
            generation_id = queued["generation_id"]
            await socket.send(type="cancel", generation_id=generation_id, request_id="c")
            finished = await socket.expect("generation_finished")
            await socket.until_silent_ping()  # the answer and the end come in either order
        assert finished["finish_reason"] == "cancelled"
        (ack,) = (frame for frame in socket.frames if frame.get("request_id") == "c")
        assert (ack["type"], ack["message_id"]) == ("ack", queued["message_id"])
        assert ack["generation_id"] == generation_id

    async def test_cancel_again_is_the_same_and_cancel_after_the_end_is_refused(self, room: Room) -> None:
        worker = FakeWorker()
        async with room.open() as socket:
            _, first = await send_and_get(socket, content="Hello")
            for request_id in ("once", "twice"):
                await socket.send(type="cancel", generation_id=first["generation_id"], request_id=request_id)
                await socket.expect("ack", request_id=request_id)
            _, second = await send_and_get(socket, content="Hello again")
            await worker.claim()
            await worker.finish()
            await socket.send(type="cancel", generation_id=second["generation_id"], request_id="late")
            error = (await socket.expect("error", request_id="late"))["error"]
        assert (error["code"], error["field"]) == ("already_ended", "generation_id")

    async def test_regenerate_makes_a_sibling(self, room: Room) -> None:
        async with room.open() as socket:
            ack, first = await send_and_get(socket, content="Hello")
            await socket.send(type="regenerate", message_id=first["message_id"], request_id="again")
            again = await socket.expect("ack", request_id="again")
            second = await socket.expect("generation_queued", generation_id=again["generation_id"])
        assert again["message_id"] == second["message_id"] != first["message_id"]
        reply = await in_database(ChatMessage.objects.get)(id=second["message_id"])
        assert str(reply.parent_id) == ack["message_id"]

    async def test_edit_is_told_to_everybody(self, room: Room) -> None:
        async with room.open() as socket, room.open() as other:
            ack, queued = await send_and_get(socket, content="Helo")
            edit = {"type": "edit_message", "message_id": ack["message_id"], "content": "Hello"}
            await socket.send(**edit, request_id="early")
            early = await socket.expect("error", request_id="early")
            assert early["error"]["code"] == "reply_in_progress"
            await socket.send(type="cancel", generation_id=queued["generation_id"])
            await socket.expect("generation_finished")
            await socket.send(**edit, request_id="late")
            assert (await socket.expect("ack", request_id="late"))["generation_id"] is None
            for tab in (socket, other):
                update = await tab.expect("message_update", action="updated")
                assert update["message"]["content"] == "Hello"

    async def test_ids_may_be_in_capitals(self, room: Room) -> None:
        async with room.open() as socket:
            _, queued = await send_and_get(socket, content="Hello")
            await socket.send(type="cancel", generation_id=queued["generation_id"].upper(), request_id="c")
            ack = await socket.expect("ack", request_id="c")
        assert ack["generation_id"] == queued["generation_id"]

    async def test_a_send_under_an_unfinished_reply(self, room: Room) -> None:
        async with room.open() as socket:
            await send_and_get(socket, content="Hello")
            await socket.send(type="send_message", content="More", request_id="m")
            error = await socket.expect("error", request_id="m")
        assert error["error"]["code"] == "reply_in_progress"

    async def test_a_viewer_reads_and_nothing_else(self, room: Room) -> None:
        _, headers = await join(room, ParticipantRole.VIEWER)
        async with room.open() as owner, open_socket(room.session.id, headers=headers) as viewer:
            _, queued = await send_and_get(owner, content="Hello")
            await viewer.expect("generation_queued")
            await viewer.send(type="send_message", content="Me too", request_id="s")
            assert (await viewer.expect("error", request_id="s"))["error"]["code"] == "forbidden"
            await viewer.send(type="cancel", generation_id=queued["generation_id"], request_id="c")
            assert (await viewer.expect("error", request_id="c"))["error"]["code"] == "forbidden"


class TestResume:
    async def test_listed_generations_stay_silent_until_resume(self, room: Room) -> None:
        worker = FakeWorker()
        generation = await in_database(make_generation)(room.session)
        await worker.claim()
        for text in "abc":
            await worker.say(text)
        async with room.open(welcome=False) as socket:
            hello = await socket.expect("connection_established")
            assert hello["active_generations"] == [
                {
                    "generation_id": str(generation.id),
                    "message_id": str(generation.message_id),
                    "last_seq": 2,
                }
            ]
            await socket.expect("user_joined")
            assert await socket.until_silent_ping() == []
            await socket.send(type="resume", generation_id=str(generation.id), after_seq=0)
            await socket.expect("delta", seq=2)
            await socket.send(type="resume", generation_id=str(generation.id))
            await socket.expect("delta", seq=0)
            await worker.say("d")
            await worker.finish()
            await socket.expect("generation_finished")
        assert [frame["seq"] for frame in socket.frames if frame["type"] == "delta"] == [1, 2, 0, 1, 2, 3]

    async def test_a_huge_cursor_is_harmless(self, room: Room) -> None:
        generation = await in_database(make_generation)(room.session)
        async with room.open() as socket:
            await socket.send(type="resume", generation_id=str(generation.id), after_seq=10**30)
            await socket.expect("generation_queued")

    async def test_what_cannot_be_followed_closes_with_1011(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*args: object, **kwargs: object) -> Any:
            raise RuntimeError("broken")
            yield

        monkeypatch.setattr(followers, "follow_generation", broken)
        generation = await in_database(make_generation)(room.session)
        async with room.open() as socket:
            await socket.send(type="resume", generation_id=str(generation.id))
            assert await socket.close_code() == 1011

    async def test_another_session_s_generation_is_not_found(self, room: Room) -> None:
        other = await in_database(make_generation)()
        async with room.open() as socket:
            for kind in ("resume", "cancel"):
                await socket.send(type=kind, generation_id=str(other.id), request_id=kind)
                error = (await socket.expect("error", request_id=kind))["error"]
                assert (error["code"], error["field"]) == ("not_found", "generation_id")
        assert not await in_database(Generation.objects.filter(cancel_requested=True).exists)()


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "code", "field"),
        [
            ("", "invalid_frame", None),
            ("not json", "invalid_frame", None),
            ('{"type": "fly"}', "unknown_type", "type"),
            ('{"type": "ping", "x": 1}', "invalid_field", "x"),
            ('{"type": "send_message", "content": ""}', "invalid_content", "content"),
            ('{"type": "send_message", "content": " \\n "}', "invalid_content", "content"),
            ('{"type": "send_message", "content": "a\\u0000b"}', "invalid_content", "content"),
            ('{"type": "send_message", "content": "a\\ud800b"}', "invalid_content", "content"),
            ('{"type": "send_message", "content": "a", "options": {"x": 1}}', "invalid_options", "options"),
            (
                '{"type": "send_message", "content": "a", "options": {"top_p": 2}}',
                "invalid_options",
                "options.top_p",
            ),
            (
                '{"type": "send_message", "content": "a", "options": {"stop": ["\\u0000"]}}',
                "invalid_options",
                "options.stop",
            ),
            (f'{{"type": "send_message", "content": "a", "parent_id": "{NIL}"}}', "not_found", "parent_id"),
            (f'{{"type": "regenerate", "message_id": "{NIL}"}}', "not_found", "message_id"),
            (
                f'{{"type": "edit_message", "message_id": "{NIL}", "content": "a"}}',
                "not_found",
                "message_id",
            ),
            (f'{{"type": "cancel", "generation_id": "{NIL}"}}', "not_found", "generation_id"),
            (f'{{"type": "cancel", "generation_id": "{NIL}\\n"}}', "invalid_field", "generation_id"),
        ],
    )
    async def test_the_error_is_documented_and_the_socket_stays_open(
        self, room: Room, text: str, code: str, field: str | None
    ) -> None:
        async with room.open() as socket:
            await socket.send_text(text)
            error = (await socket.expect("error"))["error"]
            assert (error["code"], error["field"]) == (code, field)
            assert await in_database(ChatMessage.objects.count)() == 0
            await send_and_get(socket, content="still here")

    async def test_the_request_id_comes_back(self, room: Room) -> None:
        async with room.open() as socket:
            await socket.send(type="send_message", content="", request_id="mine")
            assert (await socket.expect("error"))["request_id"] == "mine"
            await socket.send(type="send_message", content="x", request_id="a\0b")
            error = await socket.expect("error")
            assert error["error"]["field"] == "request_id"

    async def test_binary_frames(self, room: Room) -> None:
        async with room.open() as socket:
            await socket.communicator.send_to(bytes_data=b"\x00\x01")
            assert (await socket.expect("error"))["error"]["code"] == "invalid_frame"

    @pytest.mark.parametrize("text", ["x" * 65_537, "é" * 40_000])
    async def test_a_huge_frame_is_1009(self, room: Room, text: str) -> None:
        async with room.open() as socket:
            await socket.send_text(text)
            assert await socket.close_code() == 1009

    async def test_an_unknown_model(self, room: Room) -> None:
        room.session.llm_model = "gone"
        await in_database(room.session.save)()
        async with room.open() as socket:
            await socket.send(type="send_message", content="Hello")
            error = (await socket.expect("error"))["error"]
        assert (error["code"], error["field"]) == ("unknown_model", "llm_model")

    async def test_ten_thousand_quick_sends(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        count = 10_000
        performed = []

        def counting(*args: Any, **kwargs: Any) -> Performed:
            performed.append(1)
            return perform(*args, **kwargs)

        monkeypatch.setattr(consumers, "perform", counting)
        _, headers = await join(room, ParticipantRole.MEMBER)
        async with room.open() as flood, open_socket(room.session.id, headers=headers) as neighbour:
            for number in range(count):
                await flood.send(type="send_message", content="x", request_id=str(number))
            answers: dict[str, str] = {}
            while len(answers) < count:
                frame = await flood.read()
                if frame["type"] in ("ack", "error"):
                    answers[frame["request_id"]] = (
                        frame["error"]["code"] if frame["type"] == "error" else "ack"
                    )
            await neighbour.until_silent_ping()
        assert answers.keys() == {str(number) for number in range(count)}
        assert list(answers.values()).count("ack") == 1
        assert set(answers.values()) == {"ack", "reply_in_progress", "too_many_requests"}
        assert len(performed) < 500

    async def test_flooding_with_nonsense_is_limited_too(self, room: Room) -> None:
        async with room.open() as socket:
            for _ in range(40):
                await socket.send_text("nonsense")
                await socket.communicator.send_to(bytes_data=b"x")
            codes = {(await socket.expect("error"))["error"]["code"] for _ in range(80)}
        assert codes == {"invalid_frame", "too_many_requests"}

    async def test_our_own_fault_is_an_error_and_the_socket_stays_open(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(consumers, "perform", broken)
        async with room.open() as socket:
            await socket.expect("user_joined")
            await socket.send(type="send_message", content="x", request_id="r")
            error = await socket.expect("error", request_id="r")
            assert error["error"]["code"] == "internal_error"
            assert await socket.until_silent_ping() == []

    async def test_too_many_waiting_replies(self, room: Room, settings: Any) -> None:
        settings.MAX_QUEUED_PER_USER = 1
        await in_database(make_generation)(await in_database(make_session)(room.session.owner))
        async with room.open() as socket:
            await socket.send(type="send_message", content="x")
            error = (await socket.expect("error"))["error"]
        assert error["code"] == "too_many_requests"
        assert "try again in" in error["message"]


class TestPresenceAndTyping:
    async def test_joined_and_left_once_however_many_tabs(self, room: Room) -> None:
        user, headers = await join(room, ParticipantRole.MEMBER)
        named = {"user_id": str(user.id), "username": user.username}
        async with room.open() as owner:
            await owner.expect("user_joined", user_id=str(room.session.owner_id))
            async with open_socket(room.session.id, headers=headers):
                await owner.expect("user_joined", **named)
                async with open_socket(room.session.id, headers=headers):
                    pass
                assert await asyncio.to_thread(flush_publisher, 5)
                assert await owner.until_silent_ping() == []
            await owner.expect("user_left", **named)

    async def test_a_newcomer_hears_who_was_there_before(self, room: Room) -> None:
        _, headers = await join(room, ParticipantRole.MEMBER)
        owner = {"user_id": str(room.session.owner_id), "username": room.session.owner.username}
        async with room.open() as first:
            await first.expect("user_joined", **owner)
            async with open_socket(room.session.id, headers=headers) as newcomer:
                await newcomer.expect("user_joined", **owner)
        async with room.open() as alone:
            await alone.expect("user_joined", **owner)

    async def test_typing_is_told_to_others_and_clears_itself(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(typing_notice, "CLEARS_AFTER_SECONDS", 0.05)
        user, headers = await join(room, ParticipantRole.MEMBER)
        async with room.open() as owner, open_socket(room.session.id, headers=headers) as other:
            await other.send(type="typing_start")
            await owner.expect("typing_indicator", user_id=str(user.id), is_typing=True)
            await owner.expect("typing_indicator", user_id=str(user.id), is_typing=False)
            frames = await other.until_silent_ping()
        assert "typing_indicator" not in {frame["type"] for frame in frames}

    async def test_typing_stops_by_command_by_sending_and_by_leaving(self, room: Room) -> None:
        _, headers = await join(room, ParticipantRole.MEMBER)
        async with room.open() as owner:
            async with open_socket(room.session.id, headers=headers) as other:
                for how in ({"type": "typing_stop"}, {"type": "send_message", "content": "x"}):
                    await other.send(type="typing_start")
                    await owner.expect("typing_indicator", is_typing=True)
                    await other.send(**how)
                    await owner.expect("typing_indicator", is_typing=False)
                await other.send(type="typing_start")
                await owner.expect("typing_indicator", is_typing=True)
            await owner.expect("typing_indicator", is_typing=False)

    async def test_a_frame_from_elsewhere_is_passed_on(self, room: Room) -> None:
        from chat.realtime.protocol.events import TypingIndicator

        event = TypingIndicator(user_id=str(uuid4()), username="x", is_typing=True)
        async with room.open() as socket:
            publish(session_group(room.session.id), Doorbell(events=[event]))
            frame = await socket.expect("typing_indicator")
        assert frame == json.loads(encode_event(event))
