from __future__ import annotations

from django.test import Client

from chat.models import Participant, ParticipantRole, User
from chat.services.participants import create_invitation
from tests.support.factories import make_session


def test_a_link_asks_before_somebody_joins(browser: Client, ada: User) -> None:
    session = make_session()
    _, token = create_invitation(
        user=session.owner, session_id=session.id, role=ParticipantRole.VIEWER, max_uses=1
    )
    assert "Join" in browser.get(f"/chat/join/{token}/").content.decode()
    assert not Participant.objects.filter(session=session, user=ada).exists()
    response = browser.post(f"/chat/join/{token}/")
    assert (response.status_code, response["Location"]) == (302, f"/chat/{session.id}/")
    assert Participant.objects.get(session=session, user=ada).role == ParticipantRole.VIEWER


def test_a_link_that_is_none_says_so(browser: Client) -> None:
    response = browser.post("/chat/join/nothing/")
    assert response.status_code == 404
    assert "has expired or was used already" in response.content.decode()


def test_a_link_leads_strangers_to_the_login(db: None) -> None:
    assert Client().get("/chat/join/x/")["Location"] == "/accounts/login/?next=/chat/join/x/"
