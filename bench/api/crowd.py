"""A deployment with many people in it, written by PostgreSQL itself; runs inside `manage.py shell`."""

from __future__ import annotations

import json
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import NOT_PROVIDED, Model
from django.test import Client

from chat.models import (
    ApiKey,
    Appeal,
    AuditEntry,
    AuditHead,
    Case,
    CaseEvent,
    ChatMessage,
    ChatSession,
    Generation,
    Notice,
    Participant,
    Report,
    Strike,
    User,
)
from chat.services.usage import count_usage

PEOPLE = 100_000
SESSIONS = 50_000
OPEN_CASES, DECIDED_CASES = 10_000, 20_000
ENTRIES = 200_000
LEFT_OUT = ""
A_MINUTE_EACH = "now() - n * interval '1 minute'"
OVER_A_MONTH = "now() - n * interval '30 days' / {count}"
TEXT = (
    "(SELECT string_agg('word' || floor(power(random(), 3) * 20000)::int, ' ')"
    " FROM generate_series(1, 16 + n % 16))"
)


def seed(*, username: str, messages: int) -> None:
    """Everything that the lists show; prints what `bench.api.console` asks for, as JSON."""
    _seed_people()
    _seed_conversations(messages)
    _seed_cases()
    _seed_log()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    count_usage()
    client = Client()
    client.force_login(User.objects.get(username=username))
    decided = Case.objects.filter(status="decided").exclude(subject=None).first()
    found = {
        "cookie": client.cookies["sessionid"].value,
        "case": Case.objects.exclude(status="decided").first(),
        "person": decided.subject if decided else None,
        "session": ChatSession.objects.first(),
    }
    print(json.dumps({name: str(getattr(row, "pk", row)) for name, row in found.items()}))


def _seed_people() -> None:
    _insert(
        User,
        f"generate_series(1, {PEOPLE}) n",
        username="'person' || n",
        email="'person' || n || '@example.org'",
        password="'!'",
        is_active="n % 50 > 0",
        date_joined=A_MINUTE_EACH,
    )
    user = Group.objects.get(name="user").id
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO chat_user_groups (user_id, group_id) SELECT id, {user} FROM chat_user"
            " WHERE username LIKE 'person%'"
        )
        cursor.execute(
            "CREATE TEMP TABLE crowd AS SELECT id, substr(username, 7)::int AS place FROM chat_user"
            " WHERE username LIKE 'person%'"
        )
        cursor.execute("CREATE INDEX ON crowd (place)")
    place = "crowd"
    _insert(EmailAddress, place, user_id="id", email="'person' || place || '@example.org'", verified="true")
    _insert(
        UserSession,
        place,
        user_id="id",
        session_key="md5(place::text)",
        ip="'192.0.2.1'",
        user_agent="'Mozilla/5.0'",
        created_at="now()",
        last_seen_at="now()",
    )
    _insert(ApiKey, f"{place} WHERE place % 5 = 0", user_id="id", name="'program'", prefix="'key' || place")


def _seed_conversations(messages: int) -> None:
    month = OVER_A_MONTH.format(count=messages)
    _insert(
        ChatSession,
        f"generate_series(1, {SESSIONS}) n JOIN crowd ON place = 1 + n * 7 % {PEOPLE}",
        owner_id="crowd.id",
        title="'Talk ' || n",
        message_count=str(messages // SESSIONS),
        created_at=A_MINUTE_EACH,
        updated_at=A_MINUTE_EACH,
    )
    _insert(Participant, "chat_chatsession s", session_id="s.id", user_id="s.owner_id", role="'owner'")
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX chat_message_search")
    _insert(
        ChatMessage,
        f"(SELECT id AS session, owner_id, row_number() OVER () AS place FROM chat_chatsession) s"
        f" CROSS JOIN LATERAL generate_series(place, {messages}, {SESSIONS}) n",
        session_id="s.session",
        author_id="s.owner_id",
        role=f"CASE WHEN (n / {SESSIONS} + place) % 2 = 0 THEN 'user' ELSE 'assistant' END",
        content=TEXT,
        response_time_ms="n % 9000",
        llm_model="'paced'",
        created_at=month,
        updated_at=month,
    )
    _insert(
        Generation,
        "chat_chatmessage m WHERE role = 'assistant'",
        session_id="m.session_id",
        message_id="m.id",
        user_id="m.author_id",
        model="CASE WHEN response_time_ms % 3 = 0 THEN 'large' ELSE 'paced' END",
        status="CASE WHEN response_time_ms % 50 = 0 THEN 'failed'"
        " WHEN response_time_ms % 70 = 0 THEN 'cancelled' ELSE 'succeeded' END",
        prompt_tokens="400",
        cached_tokens="100",
        completion_tokens="60",
        metrics="""jsonb_build_object('queue_ms', 5, 'ttft_ms', 300, 'tokens_per_second', 12.5,
          'response_time_ms', response_time_ms)""",
        created_at="m.created_at",
        finished_at="m.created_at + interval '3 s'",
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX chat_message_search ON chat_chatmessage USING gin (search)")


def _seed_cases() -> None:
    total = OPEN_CASES + DECIDED_CASES
    decided = f"n > {OPEN_CASES}"
    moderator = User.objects.get(is_superuser=True).pk
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE told AS SELECT row_number() OVER () AS n, id, session_id, author_id, content"
            f" FROM (SELECT * FROM chat_chatmessage WHERE role = 'user' LIMIT {total}) m"
        )
    _insert(
        Case,
        "told",
        message_id="told.id",
        session_id="session_id",
        subject_id="author_id",
        source="CASE n % 3 WHEN 0 THEN 'rule' WHEN 1 THEN 'report' ELSE 'classifier' END",
        summary="'spam ' || n",
        evidence="content",
        severity="1 + n % 4",
        priority="(1 + n % 4) * 1000 + n % 1000",
        status=f"CASE WHEN {decided} THEN 'decided' ELSE 'open' END",
        decision=f"CASE WHEN {decided} THEN 'hide' ELSE '' END",
        decided_by_id=f"CASE WHEN {decided} THEN '{moderator}'::uuid END",
        decided_at=f"CASE WHEN {decided} THEN {A_MINUTE_EACH} END",
        created_at=A_MINUTE_EACH,
    )
    cases = "chat_case c"
    reporter = f"JOIN crowd ON place = 1 + abs(hashtext(c.id::text)) % {PEOPLE}"
    _insert(
        Report,
        f"{cases} {reporter}",
        case_id="c.id",
        message_id="c.message_id",
        reporter_id="crowd.id",
        kind="'spam'",
    )
    _insert(CaseEvent, cases, case_id="c.id", kind="'opened'")
    ended = f"{cases} WHERE status = 'decided'"
    _insert(Notice, ended, user_id="c.subject_id", case_id="c.id", title="'Hidden'", body="'It was spam.'")
    _insert(Strike, f"{ended} AND priority % 5 = 0", user_id="c.subject_id", case_id="c.id", reason="'spam'")
    _insert(
        Appeal,
        f"{ended} AND priority % 7 = 0",
        case_id="c.id",
        appellant_id="c.subject_id",
        words="'Why?'",
        first_decided_by_id="c.decided_by_id",
    )


def _seed_log() -> None:
    last = AuditEntry.objects.count()
    _insert(
        AuditEntry,
        f"generate_series({last + 1}, {last + ENTRIES}) n",
        number="n",
        at="now()",
        actor_name="'mo'",
        action="CASE n % 3 WHEN 0 THEN 'case.read' WHEN 1 THEN 'case.decided' ELSE 'session.read' END",
        subject_type="'case'",
        subject_id="md5(n::text)",
        previous_hash="md5(n::text)",
        hash="md5((n + 1)::text)",
    )
    AuditHead.objects.update_or_create(id=1, defaults={"number": last + ENTRIES})


def _insert(model: type[Model], source: str, /, **expressions: str) -> None:
    """Rows of a model out of a FROM clause; what no expression is given for has its field's default."""
    values: dict[str, str] = {}
    parameters: list[Any] = []
    for field in model._meta.concrete_fields:
        given = expressions.pop(field.attname, None) or _of_itself(field)
        if given is None:
            parameters.append(field.get_db_prep_save(field.get_default(), connection))
        if given != LEFT_OUT:
            values[f'"{field.column}"'] = "%s" if given is None else given.replace("%", "%%")
    if expressions:
        raise ValueError(f"{model.__name__} has no {', '.join(expressions)}.")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())} FROM {source.replace('%', '%%')}",
            parameters,
        )


def _of_itself(field: Any) -> str | None:
    """What stands in a column that nobody names; None for the field's default."""
    if field.primary_key:
        return "gen_random_uuid()" if field.get_internal_type() == "UUIDField" else LEFT_OUT
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return "now()"
    return None if field.db_default is NOT_PROVIDED else LEFT_OUT
