"""Content rules: written by administrators, tried before they are kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction

from chat.models import ContentRule, RuleAction, RulePolicy, RuleScope, User
from chat.selectors.content_rules import as_rule
from chat.services import audit
from chat.services.errors import Conflict, InvalidRequest, NotFound
from chat.services.moderation.rights import RULES, require_right
from chat.services.text import require_storable
from inference.content import PatternError, RuleSet, Screened, screen
from inference.content.rules import check_rule

MOST_SAMPLE_CHARS = 10_000
MAX_RULES = 200
FIELDS = frozenset(
    {"name", "kind", "pattern", "scope", "action", "replacement", "message", "severity", "is_enabled"}
)
REPLACEMENT = "•••"


def save_rule(*, actor: User, rule_id: UUID | None = None, **fields: Any) -> ContentRule:
    """Write a new rule, or change one. Fields: see `FIELDS`. Raises `InvalidRequest` with the field."""
    require_right(actor, RULES)
    if unknown := set(fields) - FIELDS:
        raise InvalidRequest(
            "A rule has no field named %(name)s.", field=min(unknown), values={"name": min(unknown)}
        )
    with transaction.atomic():
        rule = _find(rule_id) if rule_id is not None else ContentRule(created_by=actor)
        for name, value in fields.items():
            setattr(rule, name, value)
        rule.replacement = rule.replacement or REPLACEMENT
        _check(rule)
        rule.save()
        audit.record(
            actor=actor,
            action="rule.created" if rule_id is None else "rule.changed",
            subject=rule,
            details={name: getattr(rule, name) for name in sorted(FIELDS)},
        )
    return rule


def delete_rule(*, actor: User, rule_id: UUID) -> None:
    """Forget a rule and its policies; its cases stay."""
    require_right(actor, RULES)
    with transaction.atomic():
        rule = _find(rule_id)
        audit.record(actor=actor, action="rule.deleted", subject=rule, details={"name": rule.name})
        rule.delete()


def set_policy(*, actor: User, rule_id: UUID, group: Group, action: RuleAction | None) -> None:
    """Say what a rule does for the members of a group instead; None takes that back."""
    require_right(actor, RULES)
    with transaction.atomic():
        rule = _find(rule_id)
        if action is None:
            RulePolicy.objects.filter(rule=rule, group=group).delete()
        else:
            _compile(rule, action)
            RulePolicy.objects.update_or_create(rule=rule, group=group, defaults={"action": action})
        told = {"group": group.name, "action": action.value if action else None}
        audit.record(actor=actor, action="rule.policy", subject=rule, details=told)


def try_rule(*, actor: User, rule: ContentRule, sample: str) -> Screened:
    """What an unsaved rule would do with a sample. Raises `InvalidRequest`."""
    require_right(actor, RULES)
    if len(sample) > MOST_SAMPLE_CHARS:
        raise InvalidRequest(
            "The sample has more than %(most)s characters.",
            field="sample",
            values={"most": MOST_SAMPLE_CHARS},
        )
    require_storable(sample, field="sample", error=InvalidRequest)
    rule.replacement = rule.replacement or REPLACEMENT
    return screen(sample, _compile(rule, rule.action))


def _check(rule: ContentRule) -> None:
    for name in ("name", "pattern", "replacement", "message"):
        require_storable(getattr(rule, name), field=name, error=InvalidRequest)
    _compile(rule, rule.action)
    try:
        rule.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, problems = next(iter(error.message_dict.items()))
        raise InvalidRequest(
            "%(field)s is not valid: %(problems)s",
            field=name,
            values={"field": name, "problems": " ".join(problems)},
        ) from error
    if ContentRule.objects.filter(name=rule.name).exclude(id=rule.id).exists():
        raise Conflict("There is a rule named %(name)s already.", field="name", values={"name": rule.name})
    if rule._state.adding and ContentRule.objects.count() >= MAX_RULES:
        raise Conflict("There are %(most)s rules already: join some of them.", values={"most": MAX_RULES})


def _compile(rule: ContentRule, action: str) -> RuleSet:
    """Raises `InvalidRequest` for a pattern that cannot be used where the rule looks."""
    acts = action in (RuleAction.MASK, RuleAction.BLOCK)
    try:
        return check_rule(as_rule(rule, action), while_written=acts and rule.scope != RuleScope.INPUT)
    except PatternError as error:
        raise InvalidRequest(str(error), field="pattern") from error


def _find(rule_id: UUID) -> ContentRule:
    rule = ContentRule.objects.select_for_update().filter(id=rule_id).first()
    if rule is None:
        raise NotFound("There is no such rule.")
    return rule
