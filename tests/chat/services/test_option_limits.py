from __future__ import annotations

import pytest

from chat.models import LanguageModel
from chat.services.option_limits import CHOOSABLE, list_option_limits
from chat.services.options import validate_options

pytestmark = pytest.mark.django_db


def test_every_option_has_limits_that_the_server_agrees_with() -> None:
    found = list_option_limits(model="")
    assert [option.name for option in found] == list(CHOOSABLE)
    for option in found:
        given = option.choices or (option.maximum, option.default)
        for value in given:
            validate_options({option.name: value})


def test_tokens_end_at_the_models_window() -> None:
    LanguageModel.objects.create(slug="small", context_length=512, size_bytes=1)
    limits = {option.name: option for option in list_option_limits(model="small")}
    assert (limits["max_tokens"].maximum, limits["max_tokens"].default) == (512, 512)
    assert (limits["context_size"].maximum, limits["context_size"].default) == (512, None)
    assert limits["temperature"].maximum == 5
