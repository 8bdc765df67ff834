"""A model to ask for, a place for files, and nobody to tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import offer_model


@pytest.fixture(autouse=True)
def _place(db: None, files_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_model()
    monkeypatch.setattr("chat.services.batches.hints.enqueue_batch", lambda job_id, workers: None)
