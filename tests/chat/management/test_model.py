"""`manage.py model` as an operator sees it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.support.gguf import write_random_gguf

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("model", *args, stdout=out)
    return out.getvalue()


def test_add_then_list(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "one.gguf", context=256)
    assert run("list") == ""
    run("add", str(path), "--slug", "mine")
    assert run("list").startswith("* mine  llama, 256 tokens, ")


def test_another_default(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("add", str(write_random_gguf(tmp_path / f"{name}.gguf")))
    assert "two is the default" in run("default", "two")
    assert [line[:5] for line in run("list").splitlines()] == ["  one", "* two"]


def test_what_is_not_in_the_catalogue_cannot_be_the_default() -> None:
    with pytest.raises(CommandError, match=r"^There is no model none to choose"):
        run("default", "none")


def test_a_model_without_a_template_is_pointed_out(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "base.gguf", chat_template=None)
    assert "no chat template" in run("add", str(path))


def test_a_missing_file_shows_in_the_list(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "one.gguf")
    run("add", str(path))
    path.unlink()
    assert "(file missing)" in run("list")


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^[^\n]*is not a file\.$"):
        run("add", str(tmp_path / "nothing.gguf"))


def test_nothing_to_pull(settings: Settings) -> None:
    settings.MODEL = ""
    assert run("pull") == "Nothing is missing.\n"
