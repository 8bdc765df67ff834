"""The pages of content rules, as administrators use them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from chat.models import ContentRule, RulePolicy

pytestmark = pytest.mark.django_db
SPAM = {
    "name": "Spam",
    "kind": "words",
    "pattern": "cheap pills",
    "scope": "both",
    "action": "mask",
    "severity": "2",
    "is_enabled": "on",
}


def test_a_rule_is_tried_before_it_is_kept(administrating: Client) -> None:
    sample = SPAM | {"try": "yes", "sample": "Buy cheap pills!"}
    tried = administrating.post(reverse("new_rule"), sample).content.decode()
    assert "Buy •••!" in tried
    assert not ContentRule.objects.exists()
    blocked = administrating.post(reverse("new_rule"), sample | {"action": "block"}).content.decode()
    assert "It is blocked." in blocked
    nothing = administrating.post(reverse("new_rule"), sample | {"sample": "Good day"}).content.decode()
    assert "It finds nothing." in nothing
    assert administrating.post(reverse("new_rule"), SPAM)["Location"] == reverse("rules")
    rule = ContentRule.objects.get()
    assert (rule.pattern, rule.action, rule.is_enabled) == ("cheap pills", "mask", True)
    assert "Spam" in administrating.get(reverse("rules")).content.decode()


def test_a_pattern_that_cannot_be_used_says_why_beside_it(administrating: Client) -> None:
    answer = administrating.post(reverse("new_rule"), SPAM | {"kind": "regex", "pattern": "(a)(?=b)"})
    assert answer.status_code == 400
    assert answer.context["form"].errors.keys() == {"pattern"}
    assert not ContentRule.objects.exists()


def test_a_rule_is_changed_and_deleted(administrating: Client) -> None:
    administrating.post(reverse("new_rule"), SPAM)
    rule = ContentRule.objects.get()
    administrating.post(reverse("rule", args=[rule.id]), SPAM | {"action": "block"})
    rule.refresh_from_db()
    assert rule.action == "block"
    administrating.post(reverse("delete_rule", args=[rule.id]))
    assert not ContentRule.objects.exists()


def test_a_group_has_another_action_until_it_is_taken_back(administrating: Client) -> None:
    administrating.post(reverse("new_rule"), SPAM)
    rule, group = ContentRule.objects.get(), Group.objects.get(name="moderator")
    url = reverse("change_policy", args=[rule.id, group.id])
    administrating.post(url, {"action": "off"})
    assert RulePolicy.objects.get().action == "off"
    assert 'value="off" selected' in administrating.get(reverse("rule", args=[rule.id])).content.decode()
    refused = administrating.post(url, {"action": "explode"}, follow=True).content.decode()
    assert "explode is not one of the available choices" in refused
    assert RulePolicy.objects.get().action == "off"
    administrating.post(url, {"action": ""})
    assert not RulePolicy.objects.exists()
