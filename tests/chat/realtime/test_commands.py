from __future__ import annotations

from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from chat.models import ApiKey, ChatSession, User
from chat.realtime.auth import Refused, Visitor, admit
from chat.realtime.commands import perform
from chat.realtime.protocol.closing import Close
from chat.realtime.protocol.commands import Cancel
from chat.services.accounts import create_api_key
from chat.services.callers import Caller
from chat.services.errors import NotFound, TooManyRequests
from chat.services.ratelimit import Bucket, Quota, Verdict
from tests.support.factories import make_session


def visitor_of(user: User, key: ApiKey | None = None) -> Visitor:
    caller = Caller(user, key)
    return Visitor(caller, lambda: caller)


@pytest.mark.django_db
def test_a_command_is_counted_as_a_request_is(monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    counted: list[Caller] = []
    verdicts = [Verdict(allowed=True), Verdict(False, (Quota(Bucket("user", "u", 1, 1), 0),))]

    def count(caller: Caller) -> Verdict:
        counted.append(caller)
        return verdicts.pop(0)

    monkeypatch.setattr("chat.realtime.commands.count_request", count)
    visitor = visitor_of(session.owner)
    for refusal in (NotFound, TooManyRequests):
        with pytest.raises(refusal):
            perform(Cancel(generation_id=uuid4()), visitor=visitor, session_id=session.id)
    assert counted == [visitor.caller] * 2


async def open_with(secret: str, session: ChatSession) -> Visitor:
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    return await admit({"headers": headers, "query_string": b""}, session.id)


@pytest.mark.django_db(transaction=True)
async def test_a_key_that_may_only_read_opens_no_socket() -> None:
    session = await sync_to_async(make_session)()
    for scope, may in [("chat:write", True), ("chat:read", False), ("openai", False)]:
        _, secret = await sync_to_async(create_api_key)(user=session.owner, scopes=[scope])
        if may:
            assert (await open_with(secret, session)).user == session.owner
            continue
        with pytest.raises(Refused) as caught:
            await open_with(secret, session)
        assert caught.value.code == Close.NOT_ALLOWED
