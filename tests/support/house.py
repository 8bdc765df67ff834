"""A session with one of everything, for tests that walk the whole API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

from chat.models import ApiKey, Attachment, BatchJob, ChatSession, Generation, Participant, ParticipantRole
from chat.services.files import store_file
from chat.services.messages import delete_message
from chat.services.participants import create_invitation
from chat.services.presets import create_preset
from tests.support.api import Caller
from tests.support.factories import (
    make_generation,
    make_message,
    make_notice,
    make_session,
    make_user,
)


@dataclass
class House:
    """A session of the owner's with one of everything, and callers of every kind."""

    session: ChatSession
    generation: Generation
    names: dict[str, str]
    callers: dict[str, Any]


def build_house(ada: Caller) -> House:
    """One session with a message, a generation, a file, people and an invitation."""
    session = make_session(ada.user, llm_model="paced")
    message = make_message(session)
    row = make_generation(make_session(ada.user))
    Generation.objects.filter(id=row.id).update(session=session)
    third = make_user()
    make_user(username="guest")
    callers: dict[str, Any] = {"anonymous": None, "owner": ada, "other": Caller()}
    callers["staff"] = Caller(make_user(is_staff=True))
    Participant.objects.create(session=session, user=third, role=ParticipantRole.MEMBER)
    for role in (ParticipantRole.VIEWER, ParticipantRole.MEMBER):
        callers[role.value] = Caller()
        Participant.objects.create(session=session, user=callers[role.value].user, role=role)
    _, token = create_invitation(
        user=ada.user, session_id=session.id, role=ParticipantRole.VIEWER, max_uses=9
    )
    names: dict[str, object] = {"session_id": session.id, "message_id": message.id, "generation_id": row.id}
    file = store_file(user=ada.user, purpose="user_data", file=ContentFile(b"x"), filename="x")
    asked = {"model": "paced", "stream": True}
    response = ada.post("/v1/responses", asked | {"input": "x"})
    chat = ada.post("/v1/chat/completions", asked | {"messages": [{"role": "user", "content": "x"}]})
    batch = BatchJob.objects.create(user=ada.user, endpoint="/v1/chat/completions")
    names |= {"batch_id": f"batch_{batch.id.hex}"}
    names |= {"response_id": f"resp_{UUID(response['X-Generation-Id']).hex}"}
    names |= {"completion_id": f"chatcmpl-{UUID(chat['X-Generation-Id']).hex}"}
    names |= {"file_id": f"file-{file.id.hex}"}
    attachment = Attachment.objects.create(session=session, message=message, file=file, kind="text", text="x")
    names |= {"attachment_id": str(attachment.id)}
    gone = delete_message(user=ada.user, message_id=make_message(session).id)
    names |= {"deletion_id": gone.id if gone else ""}
    names |= {"preset_id": create_preset(user=ada.user, name="House").id}
    names |= {"notice_id": make_notice(ada.user).id}
    names |= {"key_id": ApiKey.objects.filter(user=ada.user).get().id}
    names |= {"user_id": third.id, "token": token, "model": "paced", "emoji": "%F0%9F%91%8D", "slug": "p"}
    return House(session, row, {name: str(value) for name, value in names.items()}, callers)


def fill(text: str, names: dict[str, str]) -> str:
    """The text with every `{name}` replaced."""
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], text)
