"""Deleting an account beside moderators who judge its owner."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

import chatproject.urls  # noqa: F401  no open transaction may wait for it, on a busy machine
from chat.models import Case, ChatMessage, Decision, Notice, User
from chat.services.accounts import delete_account, deleting, set_role
from chat.services.moderation.appeals import appeal_decision, decide_appeal
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.moderation.keeping_out import keep_out, let_in, lock_person
from tests.support.factories import make_case, make_message, make_session, make_user
from tests.support.locks import somebody_waits
from tests.support.waiting import wait_until

Act = Callable[[], object]


def make_moderator() -> User:
    user = make_user()
    set_role(user=user, role="moderator")
    return user


def make_judged(person: User) -> Case:
    message = make_message(make_session())
    ChatMessage.objects.filter(id=message.id).update(author=person)
    return make_case(message, subject=person)


def delete(person: User) -> Act:
    make_judged(person)
    return lambda: delete_account(user=User.objects.get(id=person.id))


def let_them_in(person: User) -> Act:
    keep_out(user=person, reason="Spam.")
    return lambda: let_in(user=person)


def ban(person: User) -> Act:
    case, moderator = make_judged(person), make_moderator()
    verdict = Verdict(decision=Decision.BAN, reason="Spam.")
    return lambda: decide_case(actor=moderator, case_id=case.id, version=case.version, verdict=verdict)


def overturn(person: User) -> Act:
    ban(person)()
    notice = Notice.objects.get(user=person)
    appeal = appeal_decision(user=person, notice_id=notice.id, words="Why?")
    second = make_moderator()
    return lambda: decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)


@pytest.mark.parametrize("prepare", [delete, let_them_in, ban, overturn])
@pytest.mark.django_db(transaction=True)
def test_whoever_has_to_wait_for_the_person_holds_nothing_of_theirs(
    monkeypatch: pytest.MonkeyPatch, prepare: Callable[[User], Act]
) -> None:
    person = make_user()
    act = prepare(person)
    is_out, is_locked = Event(), Event()

    def wait_before_the_end(**kwargs: object) -> None:
        is_out.set()
        assert is_locked.wait(10)

    def act_late() -> None:
        try:
            act()
        finally:
            connection.close()

    monkeypatch.setattr(deleting, "forget_deletions", wait_before_the_end)
    with ThreadPoolExecutor(1) as pool:
        if prepare is delete:
            late = pool.submit(act_late)
            assert is_out.wait(10)
        with transaction.atomic():
            lock_person(person)
            is_locked.set()
            if prepare is not delete:
                late = pool.submit(act_late)
            if connection.vendor == "postgresql":  # SQLite lets the second one begin no transaction
                wait_until(somebody_waits, what="the second one waiting")
            list(Case.objects.select_for_update(nowait=True))
            list(ChatMessage.objects.select_for_update(nowait=True))
        late.result()
    assert User.objects.filter(id=person.id).exists() == (prepare is not delete)
