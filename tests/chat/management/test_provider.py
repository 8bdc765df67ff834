"""`manage.py provider`: the models of a provider come and go while it stays."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.models import LanguageModel, Provider
from chat.selectors.providers import list_served


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("provider", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def provider(db: None) -> None:
    run("add", "far", "http://far.example/v1", "-m", "their/big=big", "-m", "their/small=small")


def served() -> list[str]:
    return [row.model for row in list_served()]


def test_a_model_is_added_and_taken_away() -> None:
    assert "other (their/other)" in run("set", "far", "-m", "their/other=other")
    said = run("remove", "far", "-m", "big", "-m", "other")
    assert "small" in said
    assert "big" not in said
    assert served() == ["small"]
    assert not LanguageModel.objects.get(slug="big").is_active
    with pytest.raises(CommandError, match="far serves no model named big"):
        run("remove", "far", "-m", "big")


def test_a_provider_without_models_stays_until_it_is_removed_itself() -> None:
    assert "serves no model yet" in run("remove", "far", "-m", "big", "-m", "small")
    assert "far is removed" in run("remove", "far")
    assert not Provider.objects.exists()
