"""A session to chat in."""

from __future__ import annotations

import pytest

from chat.realtime.database import in_database
from tests.chat.realtime.sockets import Room, bearer, offer_model
from tests.support.factories import make_session


@pytest.fixture
async def room(transactional_db: None) -> Room:
    """A session ready to chat in."""
    session = await in_database(make_session)(llm_model="paced")
    await in_database(offer_model)()
    return Room(session, await bearer(session.owner))
