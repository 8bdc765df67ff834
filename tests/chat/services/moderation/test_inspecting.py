"""Content rules on what is not a message that somebody sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from chat.api.openai.lines import read_body
from chat.models import BatchJob, BatchLine, ContentRule, LanguageModel, RuleAction, RuleScope, User
from chat.services.attachments import upload_attachment
from chat.services.batches.lines import LineRefused
from chat.services.batches.validating import LineReader
from chat.services.errors import ContentBlocked
from chat.services.moderation.inspecting import compiled_rules, screen_body, screen_choices
from chat.services.sessions import create_session, update_session
from chat.services.transfer import import_session
from tests.support.factories import make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    """Somebody, on a server with a word that is blocked and one that is masked."""
    for word, action in (("forbidden", RuleAction.BLOCK), ("secret", RuleAction.MASK)):
        ContentRule.objects.create(name=word, pattern=word, action=action, message="Not here.")
    return make_user()


CHAT = {"messages": [{"role": "system", "content": "Be nice"}, {"role": "user", "content": "WORD"}]}
PARTS = {"messages": [{"role": "user", "content": [{"type": "text", "text": "WORD"}]}]}
BODIES = [
    (CHAT, "messages[1].content"),
    (PARTS, "messages[0].content[0].text"),
    ({"prompt": "WORD"}, "prompt"),
    ({"prompt": ["a", "WORD"]}, "prompt[1]"),
    ({"input": [[1, 2], "WORD"]}, "input[1]"),
]


def with_word(body: Any, word: str) -> Any:
    if isinstance(body, dict):
        return {name: with_word(value, word) for name, value in body.items()}
    if isinstance(body, list):
        return [with_word(value, word) for value in body]
    return word if body == "WORD" else body


@pytest.mark.parametrize(("body", "field"), BODIES, ids=[field for _, field in BODIES])
def test_a_lines_body(user: User, body: dict[str, Any], field: str) -> None:
    rules = compiled_rules(user_id=user.id, scope=RuleScope.INPUT)
    masked = screen_body(with_word(body, "my secret"), rules=rules, user_id=user.id)
    assert masked == with_word(body, "my •••")
    with pytest.raises(ContentBlocked, match="Not here") as refused:
        screen_body(with_word(body, "a forbidden word"), rules=rules, user_id=user.id)
    assert refused.value.field == field
    assert screen_body(body, rules=None, user_id=user.id) is body


def test_what_a_line_answers(user: User) -> None:
    choices = [
        {"text": text, "finish_reason": "stop", "logprobs": [1]}
        for text in ("fine", "my secret", "so far and forbidden")
    ]
    fine, masked, blocked = screen_choices(
        choices, rules=compiled_rules(user_id=user.id, scope=RuleScope.OUTPUT)
    )
    assert fine == choices[0]
    assert masked == {"text": "my •••", "finish_reason": "stop"}
    assert blocked == {"text": "so far and ", "finish_reason": "content_filter"}


def test_what_a_session_tells_the_model(user: User) -> None:
    session = create_session(user=user, system_prompt="Keep the secret")
    assert session.system_prompt == "Keep the •••"
    with pytest.raises(ContentBlocked) as refused:
        update_session(user=user, session_id=session.id, system_prompt="Be forbidden")
    assert refused.value.field == "system_prompt"


def test_what_is_imported(user: User) -> None:
    def file(said: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": said}, {"role": "assistant", "content": "Hello"}]
        return {"schema_version": 1, "session": {"title": "Tea"}, "messages": messages}

    session = import_session(user=user, file=file("my secret"))
    assert session.messages.get(role="user").content == "my •••"
    with pytest.raises(ContentBlocked):
        import_session(user=user, file=file("forbidden"))


def test_what_is_uploaded(user: User) -> None:
    session = make_session(user)

    def upload(text: str) -> str:
        file = SimpleUploadedFile("notes.txt", text.encode())
        return upload_attachment(user=user, session_id=session.id, file=file, filename="notes.txt").text

    assert upload("my secret") == "my •••"
    with pytest.raises(ContentBlocked):
        upload("forbidden")


def test_each_line_of_a_batch_is_refused_by_itself(user: User) -> None:
    LanguageModel.objects.create(slug="paced", size_bytes=1, context_length=100)
    reader = LineReader(BatchJob(user=user, endpoint="/v1/chat/completions"), read_body)

    def read(said: str) -> BatchLine:
        body = {"model": "paced", "messages": [{"role": "user", "content": said}]}
        line = {"custom_id": said, "method": "POST", "url": "/v1/chat/completions", "body": body}
        return reader.read(json.dumps(line).encode(), 1)[0]

    assert json.loads(read("my secret").body)["messages"][0]["content"] == "my •••"
    with pytest.raises(LineRefused, match="Not here") as refused:
        read("forbidden")
    assert (refused.value.code, refused.value.param) == ("content_blocked", "body.messages[0].content")
