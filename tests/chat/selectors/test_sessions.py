from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chat.models import Participant, ParticipantRole
from chat.selectors.sessions import find_session, list_sessions, may_write, participant_role, session_exists
from tests.support.factories import make_session, make_user

pytestmark = pytest.mark.django_db


def test_roles_and_what_they_may() -> None:
    session, user = make_session(), make_user()
    assert participant_role(user_id=session.owner_id, session_id=session.id) is ParticipantRole.OWNER
    assert participant_role(user_id=user.id, session_id=session.id) is None
    assert session_exists(session.id)
    assert not session_exists(uuid4())
    assert [may_write(role) for role in (*ParticipantRole, None)] == [True, True, False, False]


def test_a_list_is_newest_first_and_costs_three_queries(django_assert_num_queries: Any) -> None:
    user = make_user()
    mine = [make_session(user) for _ in range(5)]
    shared = make_session()
    Participant.objects.create(session=shared, user=user)
    make_session()
    mine[0].save()
    with django_assert_num_queries(3):
        page = list_sessions(user=user, page=1, page_size=4)
    assert page.sessions == [mine[0], shared, *mine[:2:-1]]
    assert (page.total_count, page.has_more) == (6, True)
    rest = list_sessions(user=user, page=2, page_size=4)
    assert (rest.sessions, rest.has_more) == (mine[2:0:-1], False)


def test_a_list_may_leave_out_the_archived() -> None:
    user = make_user()
    active, archived = make_session(user), make_session(user, is_active=False)
    assert list_sessions(user=user, is_active=True).sessions == [active]
    assert list_sessions(user=user, is_active=False).sessions == [archived]


def test_finding_needs_a_part_in_it() -> None:
    session = make_session()
    assert find_session(user=session.owner, session_id=session.id) == session
    assert find_session(user=make_user(), session_id=session.id) is None
