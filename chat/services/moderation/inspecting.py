"""Content rules at work on texts of every kind: what people send, upload and import, and what models answer
where nobody watches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from chat.models import ContentRule, RuleScope, User
from chat.selectors.content_rules import rules_for
from chat.services.errors import ContentBlocked
from inference.content import RuleSet, Screened, compile_rules, screen

logger = logging.getLogger(__name__)

FILTERED = "content_filter"
See = Callable[[str, str], str]
"""(text, field) -> the text with its masks."""


def screen_input(*, user: User, text: str, field: str = "content") -> Screened:
    """What somebody writes as it may be sent: with masks. Raises `ContentBlocked`, in the rule's words."""
    (seen,) = screen_inputs(user=user, texts=[text], field=field)
    return seen


def screen_inputs(*, user: User, texts: Sequence[str], field: str) -> list[Screened]:
    """The same for several texts at once."""
    rules = rules_for(user_id=user.id, scope=RuleScope.INPUT)
    if not rules:
        return [Screened(text, None, ()) for text in texts]
    seen = [screen(text, compile_rules(rules)) for text in texts]
    for each in seen:
        _refuse(each, user.id, field)
    return seen


def compiled_rules(*, user_id: UUID, scope: RuleScope) -> RuleSet | None:
    """A person's rules, to use them many times; None where there are none."""
    rules = rules_for(user_id=user_id, scope=scope)
    return compile_rules(rules) if rules else None


def screen_body(body: dict[str, Any], *, rules: RuleSet | None, user_id: UUID) -> dict[str, Any]:
    """A request's body, of OpenAI's, with masks in what its user says. Raises `ContentBlocked`."""
    if rules is None:
        return body

    def see(text: str, field: str) -> str:
        seen = screen(text, rules)
        _refuse(seen, user_id, field)
        return seen.text

    said: dict[str, Any] = {
        name: _seen(body[name], name, see) for name in ("prompt", "input") if name in body
    }
    if "messages" in body:
        said["messages"] = [
            message | {"content": _seen(message["content"], f"messages[{at}].content", see)}
            if message.get("role") == "user" and message.get("content")
            else message
            for at, message in enumerate(body["messages"])
        ]
    return body | said


def screen_choices(choices: list[dict[str, Any]], *, rules: RuleSet | None) -> list[dict[str, Any]]:
    """What a model answered while nobody watched: with masks, or as far as no rule blocks it."""
    return [_screened(choice, rules) for choice in choices] if rules is not None else choices


def _screened(choice: dict[str, Any], rules: RuleSet) -> dict[str, Any]:
    seen = screen(choice["text"], rules)
    if seen.text == choice["text"] and seen.blocked_by is None:
        return choice
    reason = choice["finish_reason"] if seen.blocked_by is None else FILTERED
    kept = {name: value for name, value in choice.items() if name != "logprobs"}  # they spell what is masked
    return kept | {"text": seen.text, "finish_reason": reason}


def _seen(said: Any, field: str, see: See) -> Any:
    """A text, a list of texts, or parts of a message."""
    if isinstance(said, str):
        return see(said, field)
    if isinstance(said, list):
        return [_seen(each, f"{field}[{at}]", see) for at, each in enumerate(said)]
    if isinstance(said, dict) and isinstance(said.get("text"), str):
        return said | {"text": see(said["text"], f"{field}.text")}
    return said


def _refuse(seen: Screened, user_id: UUID, field: str) -> None:
    if seen.blocked_by is None:
        return
    rule = ContentRule.objects.filter(id=seen.blocked_by.id).first()
    logger.info("a text of user %s was blocked by rule %s", user_id, seen.blocked_by.id)
    if rule and rule.message:
        raise ContentBlocked(rule.message, field=field)
    raise ContentBlocked(
        "This message was not sent: a rule of this server does not allow what it says.", field=field
    )
