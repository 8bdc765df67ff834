"""Words that the moderators' templates translate by what stands in a variable, and what an event says."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from chat.models import AppealStatus, CaseEvent, CaseSource, Decision, ReportKind

ROLES = (_("pending"), _("user"), _("moderator"), _("administrator"))
STATES = (
    *(_("queued"), _("running"), _("succeeded"), _("failed"), _("cancelled")),
    *(_("starting"), _("ready"), _("draining"), _("stopped"), _("failing")),
)
SEVERITIES = (_("high"), _("medium"), _("low"))
PERIODS = (_("day"), _("week"), _("month"))
DETAILS: dict[str, type[TextChoices]] = {
    "decision": Decision,
    "outcome": AppealStatus,
    "because": ReportKind,
    "source": CaseSource,
}


def describe(event: CaseEvent) -> str:
    """What was decided, or reported; empty where the kind of the event says it all."""
    if (score := event.details.get("score")) is not None:
        return gettext("Guard model: %(percent)s of 100") % {"percent": round(100 * score)}
    if event.details.get("source") == CaseSource.RULE:
        return f"{CaseSource.RULE.label}: {event.details['summary']}"
    for name, choices in DETAILS.items():
        if event.details.get(name) in choices.values:
            return str(choices(event.details[name]).label)
    return ""
