"""Every page and action of the moderators' pages for every role."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import reverse

from chat.models import AuditEntry, Case, ContentRule, Decision, Generation, User, WorkerStatus
from chat.services.accounts import create_user
from chat.services.moderation.appeals import appeal_decision
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.moderation.keeping_out import keep_out
from chat.services.workers import heartbeat
from chat.web.moderation.urls import urlpatterns
from tests.chat.web.moderation.conftest import prove
from tests.support.factories import make_case, make_generation

pytestmark = pytest.mark.django_db
ROLES = ("anonymous", "pending", "user", "moderator", "administrator")
READ = {"anonymous": 302, "pending": 302, "user": 403, "moderator": 200, "administrator": 200}
ACT = READ | {"moderator": 302, "administrator": 302}
ADMINISTRATORS_ACT = ACT | {"moderator": 403}
ADMINISTRATORS_READ = READ | {"moderator": 403}


@dataclass(frozen=True)
class Route:
    """What each role gets, and which entry of the audit log whoever may leaves."""

    expected: dict[str, int]
    arguments: tuple[str, ...] = ()
    body: dict[str, str] | None = None
    entry: str = ""
    named: dict[str, str] = field(default_factory=dict)


RULE = {
    "name": "Spam",
    "kind": "words",
    "pattern": "spam",
    "scope": "both",
    "action": "flag",
    "severity": "2",
}
REASON = "It has to be looked into."
ROUTES = {
    "queue": Route(READ),
    "appeals": Route(READ),
    "case": Route(READ, ("case",), entry="case.read"),
    "people": Route(READ),
    "person": Route(READ, ("person",)),
    "invite_people": Route(READ, body={"uses": "2", "days": "1"}, entry="user.invited"),
    "suspend_person": Route(ACT, ("person",), {"reason": "Spam.", "days": "7"}, "user.suspended"),
    "readmit_person": Route(ACT, ("suspended",), {}, "user.unsuspended"),
    "approve_person": Route(ACT, ("pending",), {}, "user.role"),
    "rules": Route(ADMINISTRATORS_READ),
    "new_rule": Route(ADMINISTRATORS_ACT, (), RULE, "rule.created"),
    "rule": Route(ADMINISTRATORS_ACT, ("rule",), RULE, "rule.changed"),
    "delete_rule": Route(ADMINISTRATORS_ACT, ("rule",), {}, "rule.deleted"),
    "change_policy": Route(ADMINISTRATORS_ACT, ("rule", "group"), {"action": "off"}, "rule.policy"),
    "audit": Route(ADMINISTRATORS_READ),
    "analytics": Route(READ),
    "session_report": Route(READ, ("session",)),
    "live": Route(READ),
    "live_now": Route(READ),
    "live_reply": Route(READ, ("generation",)),
    "decide_cases": Route(ACT, body={"case": "{case}:1", "decision": "dismiss"}, entry="case.decided"),
    "claim_case": Route(ACT, ("case",), {}),
    "decide_case": Route(ACT, ("case",), {"decision": "hide", "version": "1"}, "case.decided"),
    "judge_appeal": Route(ACT, ("decided", "appeal"), {"version": "1", "overturn": "yes"}, "appeal.decided"),
    "kill_reply": Route(ACT, ("generation",), {"reason": "Spam."}, "generation.killed"),
    "change_banner": Route(ADMINISTRATORS_ACT, (), {"text": "Hello"}, "banner.set"),
    "switch_worker": Route(ADMINISTRATORS_ACT, (), {"name": "w", "held": "yes"}, "worker.drained"),
    "switch_queue": Route(ADMINISTRATORS_ACT, (), {"name": "paced", "held": "yes"}, "queue.paused"),
    "moderation_conversation": Route(ACT, ("session",), {"reason": REASON}, "session.read"),
}


@pytest.fixture
def names(db: None) -> dict[str, str]:
    """What stands in the routes' addresses."""
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["paced"])
    generation: Generation = make_generation()
    case, decided = make_case(), make_case()
    judge = create_user(username="judge", password="secret", role="moderator")
    decide_case(actor=judge, case_id=decided.id, version=1, verdict=Verdict(decision=Decision.HIDE))
    person = Case.objects.get(id=decided.id).subject
    assert isinstance(person, User)
    appeal = appeal_decision(user=person, notice_id=person.notices.get().id, words="Why?")
    found = {"case": case, "decided": decided, "appeal": appeal, "person": person}
    found |= {"generation": generation, "session": generation.session}
    found["rule"] = ContentRule.objects.create(name="A rule", pattern="x")
    found["group"] = Group.objects.get(name="user")
    found["pending"] = create_user(username="newcomer", password="secret", role="pending")
    found["suspended"] = spammer = create_user(username="spammer", password="secret")
    keep_out(user=spammer, reason="Spam.")
    return {name: str(row.pk) for name, row in found.items()}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_and_what_is_written_down(role: str, names: dict[str, str]) -> None:
    client = Client()
    if role != "anonymous":
        client.force_login(create_user(username=f"the-{role}", password="secret", role=role))
        prove(client)
    for name, route in ROUTES.items():
        before = AuditEntry.objects.count()
        with transaction.atomic():
            url = reverse(name, args=[names[each] for each in route.arguments])
            body = {key: value.format(**names) for key, value in (route.body or {}).items()}
            answer = client.get(url) if route.body is None else client.post(url, body)
            written = list(AuditEntry.objects.filter(number__gt=before).values_list("action", flat=True))
            transaction.set_rollback(True)
        may = role in ("moderator", "administrator") and route.expected[role] != 403
        assert answer.status_code == route.expected[role], name
        assert (role in ("anonymous", "pending")) == ("/login/" in answer.get("Location", "")), name
        assert written == ([route.entry] if may and route.entry else []), name


def test_every_route_is_walked() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(ROUTES)
