"""Where the stack is."""

from __future__ import annotations

import os

import openai
import pytest


@pytest.fixture(scope="session")
def url() -> str:
    """Parley's address."""
    return os.environ["PARLEY_URL"]


@pytest.fixture(scope="session")
def model() -> str:
    """The model it has."""
    return openai.OpenAI().models.list().data[0].id
