"""A guard model on llama.cpp looks at what was said, in slots that chat leaves free."""

from __future__ import annotations

from typing import Any

import pytest

from chat.models import BatchLine, BatchPriority, Case, CaseSource, GenerationStatus
from chat.services.catalogue import add_model
from chat.services.moderation.guarding import read_score
from tests.support.factories import make_generation
from tests.support.stack import DEMO_MODEL
from tests.support.waiting import wait_until
from workers.config import make_worker_config
from workers.runtime import WorkerRuntime

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_question_and_answer_are_scored_and_become_cases(settings: Any) -> None:
    settings.GUARD_MODEL, settings.GUARD_THRESHOLD = "demo", 0.0
    add_model(source=str(DEMO_MODEL), slug="demo")
    turn = make_generation(content="How do I hurt them?", model="demo", options={"max_tokens": 12, "seed": 1})
    worker = WorkerRuntime(make_worker_config(name="w", models=[], slots=1, device="cpu", backend="llama"))
    worker.start()
    try:
        wait_until(lambda: Case.objects.count() == 2, timeout=60, what="a case for each message")
    finally:
        worker.close()
    turn.refresh_from_db()
    assert turn.status == GenerationStatus.SUCCEEDED
    lines = list(BatchLine.objects.select_related("job"))
    assert [line.job.priority for line in lines] == [BatchPriority.LOW] * 2
    said = [line.choices[0]["text"] for line in lines]
    assert all(read_score(text) is not None for text in said), said
    scores = {str(case.message_id): case.score for case in Case.objects.filter(source=CaseSource.CLASSIFIER)}
    assert scores == {line.custom_id: read_score(text) for line, text in zip(lines, said, strict=True)}
