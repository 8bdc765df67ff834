"""Content rules at work on what people write, and on replies that have ended."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from chat.models import (
    CaseSource,
    ChatMessage,
    ContentRule,
    Generation,
    RuleAction,
    RuleScope,
    Severity,
)
from chat.selectors.content_rules import has_rules, rules_for
from chat.selectors.messages import message_rows
from chat.services.moderation.opening import open_case
from chat.services.telling import message_update, tell_session
from inference.content import Screened, compile_rules

WARNING = "A rule of this server concerns what this says."
BLOCKED_BY = "blocked_by"
"""Where a stopped reply's `metadata` names the rule."""


def note_input(*, message: ChatMessage, seen: Screened) -> None:
    """Warn of, or open a case about, a message that was written just now, in its transaction."""
    if seen.notices:
        _note(message, {UUID(rule.id): rule.action for rule in seen.notices})


def note_answer(*, message: ChatMessage, user_id: UUID) -> None:
    """The same for an answer that nobody watched; what rules mask or block is no longer in it."""
    if rules := rules_for(user_id=user_id, scope=RuleScope.OUTPUT):
        noticed = compile_rules(rules).notices(message.content)
        _note(message, {UUID(rule.id): rule.action for rule in noticed})


def look_through(*, generation_id: UUID) -> None:
    """Warn of, or open a case about, a reply that has ended, also where a rule has stopped it."""
    if not has_rules(RuleScope.OUTPUT):
        return
    found = Generation.objects.select_related("message").filter(id=generation_id).first()
    rules = rules_for(user_id=found.user_id, scope=RuleScope.OUTPUT) if found is not None else ()
    if found is None or not rules:
        return
    noticed = compile_rules(rules).notices(found.message.content)
    findings: dict[UUID, str] = {UUID(rule.id): rule.action for rule in noticed}
    if stopped_by := found.message.metadata.get(BLOCKED_BY):
        findings[UUID(stopped_by)] = RuleAction.BLOCK
    if not findings:
        return
    with transaction.atomic():
        ChatMessage.objects.select_for_update().get(id=found.message_id)
        message = message_rows().get(id=found.message_id)
        _note(message, findings)
        tell_session(message.session_id, [message_update(message, "updated")])


def _note(message: ChatMessage, findings: Mapping[UUID, str]) -> None:
    rows = ContentRule.objects.in_bulk(list(findings))
    found = [(rows[id_], action) for id_, action in findings.items() if id_ in rows]
    for rule, action in found:
        if action != RuleAction.WARN:
            open_case(
                message=message,
                source=CaseSource.RULE,
                severity=Severity(rule.severity),
                summary=rule.name,
            )
    warnings = [rule.message or WARNING for rule, action in found if action != RuleAction.FLAG]
    if warnings:
        message.metadata = message.metadata | {"warnings": warnings}
        message.save(update_fields=["metadata", "updated_at"])
