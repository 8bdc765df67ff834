"""The content rules that hold for a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chat.models import ContentRule, RuleAction, RulePolicy, RuleScope
from chat.selectors.prepared import Prepared, read_as
from inference.content import Rule

STRICTNESS = {action.value: number for number, action in enumerate(RuleAction)}
FIELDS = ("id", "kind", "pattern", "action", "replacement")


def rules_for(*, user_id: UUID, scope: RuleScope) -> tuple[Rule, ...]:
    """What is looked for in this person's input or output, in one query, or two where there are rules."""
    rows = [read_as(ContentRule, FIELDS, row) for row in _enabled.rows(scope)]
    if not rows:
        return ()
    actions = {row.id: row.action for row in rows} | _policies(user_id)
    return tuple(as_rule(row, actions[row.id]) for row in rows if actions[row.id] != RuleAction.OFF)


def has_rules(scope: RuleScope) -> bool:
    """Whether anything is looked for in anybody's input or output."""
    return bool(_enabled.rows(scope))


@Prepared
def _enabled(scope: str) -> QuerySet[ContentRule, Any]:
    rules = ContentRule.objects.filter(is_enabled=True, scope__in=[scope, RuleScope.BOTH])
    return rules.order_by("name").values_list(*FIELDS)


def as_rule(row: ContentRule, action: str) -> Rule:
    """The rule as the searching side knows it; the database's constraints hold what its types say."""
    does: Any = action
    kind: Any = row.kind
    return Rule(
        id=str(row.id),
        kind=kind,
        source=row.pattern,
        action=does,
        replacement=row.replacement,
    )


def list_rules() -> list[ContentRule]:
    """All of them with their policies, by name."""
    return list(ContentRule.objects.prefetch_related("policies__group").order_by("name"))


def _policies(user_id: UUID) -> dict[UUID, str]:
    """What the rules do for members of the person's groups: the strictest of each rule's policies."""
    found = RulePolicy.objects.filter(group__user=user_id).values_list("rule_id", "action")
    return dict(sorted(found, key=lambda policy: STRICTNESS[policy[1]]))
