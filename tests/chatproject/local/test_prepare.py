"""What a start prepares, and that it does so once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.staticfiles import finders
from django.core.management import call_command
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings

from chat.models import LanguageModel, User
from chat.services.catalogue import add_model
from chatproject.local import prepare
from chatproject.local.checks import CannotStart
from tests.support.gguf import write_random_gguf

pytestmark = pytest.mark.django_db


def test_a_migrated_database_is_left_alone() -> None:
    assert prepare.migrate() is False


def test_static_files_are_collected_when_they_changed(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATIC_ROOT = tmp_path / "static"
    finders.get_finder.cache_clear()  # type: ignore[attr-defined]
    assert prepare.collect_static() is True
    assert (tmp_path / "static" / "a.css").exists()
    assert prepare.collect_static() is False
    (source / "a.css").write_text("a { color: red }")
    assert prepare.collect_static() is True
    finders.get_finder.cache_clear()  # type: ignore[attr-defined]


def test_the_first_administrator_has_the_given_password() -> None:
    assert prepare.ensure_administrator(username="root", password="given") == ""
    user = authenticate(username="root", password="given")
    assert isinstance(user, User)
    assert user.is_superuser


def test_without_a_password_one_is_made_up_and_told_once() -> None:
    made_up = prepare.ensure_administrator(username="admin", password="")
    assert authenticate(username="admin", password=made_up)
    assert prepare.ensure_administrator(username="admin", password="") == ""


def test_nobody_is_rung_about_the_first_administrator(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """Redis does not run yet: a doorbell would be a warning in everybody's first start."""
    with django_capture_on_commit_callbacks() as callbacks:
        prepare.ensure_administrator(username="root", password="given")
    assert callbacks == []


def test_an_existing_administrator_is_enough() -> None:
    User.objects.create_superuser("boss", password="x")
    assert prepare.ensure_administrator(username="admin", password="y") == ""
    assert User.objects.count() == 1


def test_a_user_of_that_name_is_not_promoted() -> None:
    User.objects.create_user("admin", password="x")
    with pytest.raises(CannotStart, match=r"^DJANGO_SUPERUSER_USERNAME: "):
        prepare.ensure_administrator(username="admin", password="y")


def test_the_model_becomes_the_default_and_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_random_gguf(tmp_path / "one.gguf")
    prepare.ensure_default_model(str(path))
    monkeypatch.setattr(prepare, "add_model", None)
    assert prepare.ensure_default_model(str(path)).slug == "one"
    assert LanguageModel.objects.get().is_default


def test_a_bad_model_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^MODEL is not usable: .* is not a file"):
        prepare.ensure_default_model(str(tmp_path / "nothing.gguf"))


def test_without_model_and_demo_the_line_says_what_to_set(tmp_path: Path, settings: Settings) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(
        CannotStart, match=r"^MODEL is not set and inference/demo_model/parley-demo.gguf is missing"
    ):
        prepare.ensure_default_model("")


def test_the_operator_is_told_password_and_model(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "collect_static", lambda: False)
    monkeypatch.delenv("DJANGO_SUPERUSER_PASSWORD", raising=False)
    settings.MODEL = str(write_random_gguf(tmp_path / "one.gguf"))
    said: list[str] = []
    prepare.prepare(say=said.append, with_model=False)
    assert said[0] == "Model: one"
    assert said[1].startswith("Administrator: admin, password: ")


def test_without_a_model_nobody_is_made_whose_password_was_told(tmp_path: Path, settings: Settings) -> None:
    settings.BASE_DIR, settings.MODEL = tmp_path, ""
    said: list[str] = []
    with pytest.raises(CannotStart, match=r"^MODEL is not set"):
        prepare.prepare(say=said.append, with_model=True)
    assert (said, User.objects.count()) == ([], 0)


def test_a_chosen_default_is_kept(tmp_path: Path) -> None:
    demo, other = write_random_gguf(tmp_path / "demo.gguf"), write_random_gguf(tmp_path / "other.gguf")
    prepare.ensure_default_model(str(demo))
    add_model(source=str(other))
    call_command("model", "default", "other", stdout=io.StringIO())
    assert prepare.ensure_default_model("").slug == "other"
    other.unlink()
    with pytest.raises(CannotStart, match=r"^The default model other is not usable: .* `manage.py model"):
        prepare.ensure_default_model("")


def test_the_demo_model_may_move(tmp_path: Path, settings: Settings) -> None:
    for name in ("before", "after"):
        settings.BASE_DIR = tmp_path / name
        demo = settings.BASE_DIR / prepare.DEMO_MODEL
        demo.parent.mkdir(parents=True)
        write_random_gguf(demo)
        model = prepare.ensure_default_model("")
        assert (model.path, model.is_default) == (str(demo), True)
        demo.unlink()


def test_a_release_is_prepared_from_the_shell(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "collect_static", lambda: False)
    settings.MODEL = str(write_random_gguf(tmp_path / "one.gguf"))
    User.objects.create_superuser("boss", password="x")
    out = io.StringIO()
    call_command("prepare", stdout=out)
    assert out.getvalue() == "Model: one\n"
