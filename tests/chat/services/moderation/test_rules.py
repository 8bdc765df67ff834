from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from chat.models import AuditEntry, ContentRule, RuleAction, RulePolicy, RuleScope, User
from chat.selectors.content_rules import rules_for
from chat.services.accounts.roles import set_role
from chat.services.errors import Conflict, Forbidden, InvalidRequest, NotFound
from chat.services.moderation.rules import delete_rule, save_rule, set_policy, try_rule
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    user = make_user()
    set_role(user=user, role="administrator")
    return user


def save(actor: User, **fields: Any) -> ContentRule:
    return save_rule(actor=actor, **{"name": "ads", "pattern": "watches", "action": "block"} | fields)


def test_a_rule_is_kept_and_changed(admin: User) -> None:
    rule = save(admin, replacement="")
    assert (rule.created_by, rule.replacement) == (admin, "•••")
    changed = save_rule(actor=admin, rule_id=rule.id, pattern="watches\nclocks")
    assert (changed.id, changed.name, changed.pattern) == (rule.id, "ads", "watches\nclocks")
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert list(actions)[-2:] == ["rule.created", "rule.changed"]
    delete_rule(actor=admin, rule_id=rule.id)
    with pytest.raises(NotFound):
        delete_rule(actor=admin, rule_id=rule.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "regex", "pattern": r"(a)\1"}, "pattern"),
        ({"kind": "regex", "pattern": "a.*b"}, "pattern"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "\0"}, "pattern"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"severity": 7}, "severity"),
        ({"action": "explode"}, "action"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_rules_that_are_refused(admin: User, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        save(admin, **fields)
    assert refused.value.field == field
    assert not ContentRule.objects.exists()


def test_what_holds_nothing_back_may_be_long(admin: User) -> None:
    unbounded = {"kind": "regex", "pattern": "a.*b"}
    save(admin, name="input", scope="input", **unbounded)
    save(admin, name="flag", action="flag", **unbounded)


def test_names_are_told_apart(admin: User) -> None:
    save(admin)
    with pytest.raises(Conflict):
        save(admin)


def test_a_sample_is_tried(admin: User) -> None:
    rule = ContentRule(pattern="watches", action="mask")
    assert try_rule(actor=admin, rule=rule, sample="Cheap WATCHES!").text == "Cheap •••!"
    with pytest.raises(InvalidRequest):
        try_rule(actor=admin, rule=rule, sample="x" * 10_001)


def test_only_who_may_change_rules(admin: User, moderator: User) -> None:
    rule = save(admin)
    for attempt in (
        lambda: save(moderator),
        lambda: delete_rule(actor=moderator, rule_id=rule.id),
        lambda: try_rule(actor=moderator, rule=rule, sample=""),
        lambda: set_policy(actor=moderator, rule_id=rule.id, group=Group(), action=None),
    ):
        with pytest.raises(Forbidden):
            attempt()


class TestPolicies:
    def actions(self, user: User) -> list[str]:
        return [rule.action for rule in rules_for(user_id=user.id, scope=RuleScope.INPUT)]

    def test_of_a_group(self, admin: User) -> None:
        rule, user = save(admin), make_user()
        group = Group.objects.create(name="adults")
        user.groups.add(group)
        assert self.actions(user) == ["block"]
        set_policy(actor=admin, rule_id=rule.id, group=group, action=RuleAction.FLAG)
        assert (self.actions(user), self.actions(make_user())) == (["flag"], ["block"])
        set_policy(actor=admin, rule_id=rule.id, group=group, action=RuleAction.OFF)
        assert self.actions(user) == []
        set_policy(actor=admin, rule_id=rule.id, group=group, action=None)
        assert self.actions(user) == ["block"]

    def test_the_strictest_of_several_groups(self, admin: User) -> None:
        rule, user = save(admin), make_user()
        for action in ("warn", "off", "mask", "flag"):
            group = Group.objects.create(name=action)
            user.groups.add(group)
            RulePolicy.objects.create(rule=rule, group=group, action=action)
        assert self.actions(user) == ["mask"]

    def test_a_policy_may_not_hold_replies_back(self, admin: User) -> None:
        rule = save(admin, kind="regex", pattern="a.*b", action="flag")
        with pytest.raises(InvalidRequest, match="upper bound"):
            set_policy(
                actor=admin, rule_id=rule.id, group=Group.objects.create(name="x"), action=RuleAction.MASK
            )

    def test_unknown_rules(self, admin: User) -> None:
        with pytest.raises(NotFound):
            set_policy(actor=admin, rule_id=uuid4(), group=Group(), action=None)


def test_scopes_and_switches(admin: User) -> None:
    for scope in RuleScope:
        save(admin, name=scope.value, scope=scope.value)
    save(admin, name="off", is_enabled=False)
    found = rules_for(user_id=admin.id, scope=RuleScope.OUTPUT)
    names = ContentRule.objects.filter(id__in=[rule.id for rule in found]).values_list("name", flat=True)
    assert sorted(names) == ["both", "output"]
