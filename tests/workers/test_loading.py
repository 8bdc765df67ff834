"""What a worker tries to get a model into memory."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from inference.types.errors import InferenceError
from workers.config import Offer
from workers.loading import start_engine


def test_a_file_that_is_no_model_any_more_is_a_load_that_failed() -> None:
    def look() -> tuple[()]:
        raise ImproperlyConfigured("m.gguf is not a GGUF file.")

    with pytest.raises(InferenceError, match="not a GGUF file"):
        start_engine(Offer(slug="m", need_bytes=0, engines=look))
