"""Words and patterns that messages and replies are looked through for."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.cases import Severity


class RuleKind(models.TextChoices):
    """How a rule's pattern is read."""

    WORDS = "words", _("words or phrases, one a line")
    REGEX = "regex", _("regular expression (RE2)")


class RuleScope(models.TextChoices):
    """What a rule looks at."""

    INPUT = "input", _("what people write")
    OUTPUT = "output", _("what models answer")
    BOTH = "both", _("Both")


class RuleAction(models.TextChoices):
    """What happens where a rule finds something, from the mildest to the strictest."""

    OFF = "off", _("nothing")
    FLAG = "flag", _("open a case")
    WARN = "warn", _("say why it should not be there")
    MASK = "mask", _("replace it")
    BLOCK = "block", _("refuse it, or end the reply")


class ContentRule(models.Model):
    """One rule. `message` is the sentence for people whose text it warns of or blocks.

    Saved through `chat.services.moderation.rules`, which tries the pattern first.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=RuleKind, default=RuleKind.WORDS)
    pattern = models.TextField()
    scope = models.CharField(max_length=10, choices=RuleScope, default=RuleScope.BOTH)
    action = models.CharField(max_length=10, choices=RuleAction, default=RuleAction.FLAG)
    replacement = models.CharField(max_length=50, default="•••", blank=True)
    message = models.CharField(max_length=300, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MEDIUM)
    is_enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=RuleKind.values), name="rule_kind_known"),
            models.CheckConstraint(condition=Q(scope__in=RuleScope.values), name="rule_scope_known"),
            models.CheckConstraint(condition=Q(action__in=RuleAction.values), name="rule_action_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="rule_severity_known"),
        ]

    def __str__(self) -> str:
        return self.name


class RulePolicy(models.Model):
    """What a rule does for the members of a group instead. Of several policies the strictest holds."""

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(ContentRule, on_delete=models.CASCADE, related_name="policies")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="rule_policies")
    action = models.CharField(max_length=10, choices=RuleAction)

    class Meta:
        verbose_name_plural = "rule policies"
        constraints = [
            models.UniqueConstraint(fields=["rule", "group"], name="one_policy_per_rule_and_group"),
            models.CheckConstraint(condition=Q(action__in=RuleAction.values), name="policy_action_known"),
        ]

    def __str__(self) -> str:
        return f"{self.action} for {self.group_id}"
