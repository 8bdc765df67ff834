"""The moderators' pages, the admin and everybody's figures with a lot in them: what a list costs."""

from __future__ import annotations

import json
import time

import httpx2

from bench.api.measuring import measure, result
from bench.api.options import Options
from bench.report import Result
from tests.support.services import start_postgres
from tests.support.stack import Stack, start_stack

BOUND_MS = 200
REQUESTS = 20
SEED = "from bench.api.crowd import seed; seed(username={username!r}, messages={messages})"
ADMIN = "/admin/chat/"
PAGES = {
    "queue": "/moderation/",
    "queue, one severity": "/moderation/?severity=2",
    "queue, one source": "/moderation/?source=classifier",
    "queue, mine": "/moderation/?mine=on",
    "queue, decided": "/moderation/?status=decided",
    "queue, a later page": "/moderation/?after={case}",
    "case": "/moderation/cases/{case}/",
    "person": "/moderation/users/{person}/",
    "people": "/moderation/people/",
    "people, found": "/moderation/people/?name=person9",
    "appeals": "/moderation/appeals/",
    "live": "/moderation/live/",
    "rules": "/moderation/rules/",
    "audit": "/moderation/audit/",
    "audit, one actor": "/moderation/audit/?actor=mo",
    "analytics, day": "/moderation/analytics/",
    "analytics, month": "/moderation/analytics/?period=month",
    "session's report": "/moderation/analytics/{session}/",
    "GET performance": "/api/v1/chat/performance",
    "GET stats": "/api/v1/chat/stats",
    "GET providers": "/api/v1/chat/providers",
    "metrics": "/metrics",
    "admin: people": f"{ADMIN}user/",
    "admin: people, found": f"{ADMIN}user/?q=person9999",
    "admin: people, pending": f"{ADMIN}user/?is_active__exact=0",
    "admin: sessions": f"{ADMIN}chatsession/",
    "admin: sessions, page 50": f"{ADMIN}chatsession/?p=50",
    "admin: sessions, found": f"{ADMIN}chatsession/?q=person9999",
    "admin: messages": f"{ADMIN}chatmessage/",
    "admin: messages, page 50": f"{ADMIN}chatmessage/?p=50",
    "admin: messages, of users": f"{ADMIN}chatmessage/?role__exact=user",
    "admin: replies": f"{ADMIN}generation/",
    "admin: replies, failed": f"{ADMIN}generation/?status__exact=failed",
    "admin: replies, running": f"{ADMIN}generation/?status__exact=running",
    "admin: replies of a model": f"{ADMIN}generation/?model=large",
    "admin: keys": f"{ADMIN}apikey/",
    "admin: audit log": f"{ADMIN}auditentry/",
    "admin: audit log, one action": f"{ADMIN}auditentry/?action=case.decided",
    "admin: audit log, found": f"{ADMIN}auditentry/?q=mo",
    "admin: addresses": "/admin/account/emailaddress/",
    "admin: logins": "/admin/usersessions/usersession/",
}


def moderation(options: Options) -> list[Result]:
    """Each page some times, for an administrator, on PostgreSQL."""
    with (
        start_postgres() as url,
        start_stack(
            "--workers", "0", "--backend", "paced", DATABASE_URL=url, RATE_LIMIT_BURST="1000000"
        ) as stack,
    ):
        known = _seed(stack, options.messages)
        cookies = {"sessionid": known.pop("cookie")}
        with httpx2.Client(base_url=stack.url, cookies=cookies, timeout=60) as client:
            paths = {name: path.format(**known) for name, path in PAGES.items()}
            return [_measure(client, name, path) for name, path in paths.items()]


def _seed(stack: Stack, messages: int) -> dict[str, str]:
    started = time.monotonic()
    script = SEED.format(username=stack.username, messages=messages)
    told = stack.manage("shell", "-v", "0", "-c", script, timeout=900)
    print(f"{messages} messages and what belongs to them in {time.monotonic() - started:.0f} s", flush=True)
    known: dict[str, str] = json.loads(told.splitlines()[-1])
    return known


def _measure(client: httpx2.Client, name: str, path: str) -> Result:
    samples = measure(client, [path] * REQUESTS)
    return result(f"moderation: {name}", samples, bound=BOUND_MS)
