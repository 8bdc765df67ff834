"""Prompts are frozen under the fence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Generation
from chat.services.generations import claim_generation, freeze_prompt
from inference.types.context import Dropped
from inference.types.prompts import PreparedPrompt
from tests.support.factories import make_generation

pytestmark = pytest.mark.django_db


def test_freezing_needs_the_current_attempt() -> None:
    row = make_generation()
    claim_generation(worker="w1", models=["paced"])

    def freeze(attempt: int) -> bool:
        return freeze_prompt(
            generation_id=row.id,
            attempt=attempt,
            prompt=PreparedPrompt(token_ids=[1, 70000], dropped=Dropped(messages=2, tokens=9)),
            model_digest="d",
            options={"seed": 1},
        )

    assert not freeze(attempt=2)
    assert freeze(attempt=1)
    Generation.objects.filter(id=row.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    again = claim_generation(worker="w2", models=["paced"])
    assert again is not None
    assert (again.prompt_ids, again.model_digest, again.options) == ([1, 70000], "d", {"seed": 1})
    row.refresh_from_db()
    assert row.dropped == {"messages": 2, "compressed": 0, "tokens": 9}
    assert [message.content for message in again.messages] == ["Hello"], "for another model"
