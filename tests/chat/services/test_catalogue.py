"""The model catalogue: what is added, under which name, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chat.models import LanguageModel
from chat.services import catalogue
from chat.services.errors import Conflict, InvalidRequest
from inference.gguf import file_digest
from tests.support.gguf import CHATML, write_random_gguf

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_random_gguf(tmp_path / "Tiny Model.Q8_0.gguf", context=256)


def test_a_file_is_described(path: Path) -> None:
    catalogue.add_model(source=str(path))
    model = LanguageModel.objects.get()
    assert model.slug == "tiny-model-q8_0"
    assert (model.source, model.path) == (str(path), str(path))
    assert (model.architecture, model.context_length, model.chat_template) == ("llama", 256, CHATML)
    assert (model.digest, model.size_bytes) == (file_digest(path), path.stat().st_size)
    assert model.is_active


def test_the_first_model_is_the_default_until_another_is_chosen(path: Path, tmp_path: Path) -> None:
    first = catalogue.add_model(source=str(path))
    second = catalogue.add_model(source=str(write_random_gguf(tmp_path / "two.gguf")))
    assert (first.is_default, second.is_default) == (True, False)
    catalogue.add_model(source=str(tmp_path / "two.gguf"), make_default=True)
    assert LanguageModel.objects.get(is_default=True).slug == "two"


def test_adding_again_checks_again_and_keeps_the_row(path: Path) -> None:
    first = catalogue.add_model(source=str(path), slug="mine")
    write_random_gguf(path, context=512)
    again = catalogue.add_model(source=str(path))
    assert (again.pk, again.slug, again.context_length) == (first.pk, "mine", 512)
    assert LanguageModel.objects.count() == 1


def test_adding_again_may_rename(path: Path) -> None:
    catalogue.add_model(source=str(path), slug="old")
    assert catalogue.add_model(source=str(path), slug="new").slug == "new"


def test_equal_file_names_get_numbers(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    catalogue.add_model(source=str(path), slug="one")
    catalogue.add_model(source=str(write_random_gguf(tmp_path / "one.gguf")))
    third = catalogue.add_model(source=str(write_random_gguf(tmp_path / "other" / "one.gguf")))
    assert set(LanguageModel.objects.values_list("slug", flat=True)) == {"one", "one-2", "one-3"}
    assert third.slug == "one-3"


def test_a_given_slug_must_be_free(path: Path, tmp_path: Path) -> None:
    catalogue.add_model(source=str(path), slug="one")
    with pytest.raises(Conflict, match="already a model named one"):
        catalogue.add_model(source=str(write_random_gguf(tmp_path / "x.gguf")), slug="one")


@pytest.mark.parametrize("slug", ["", "With Spaces", "a/b", "x" * 101])
def test_a_given_slug_must_be_one(path: Path, slug: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a slug"):
        catalogue.add_model(source=str(path), slug=slug)


def test_a_bad_file_is_refused_by_name(tmp_path: Path) -> None:
    bad = tmp_path / "notes.gguf"
    bad.write_text("not a model")
    with pytest.raises(catalogue.UnusableModelError, match=r"notes\.gguf is not a GGUF file"):
        catalogue.add_model(source=str(bad))
    assert not LanguageModel.objects.exists()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(catalogue.UnusableModelError, match="is not a file"):
        catalogue.add_model(source=str(tmp_path / "nothing.gguf"))


def test_a_relative_path_means_the_same_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = catalogue.add_model(source=str(path))
    monkeypatch.chdir(path.parent)
    assert catalogue.find_by_source(path.name) == model


def test_a_changed_or_missing_file_is_not_found(path: Path) -> None:
    catalogue.add_model(source=str(path))
    path.write_bytes(b"something else")
    assert catalogue.find_by_source(str(path)) is None
    path.unlink()
    assert catalogue.find_by_source(str(path)) is None


def retrain(path: Path) -> str:
    """Other weights in a file of the same size, a moment later."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    later = path.stat().st_mtime_ns + 1
    os.utime(path, ns=(later, later))
    return file_digest(path)


def test_a_file_trained_anew_is_not_the_one_that_was_checked(path: Path) -> None:
    model = catalogue.add_model(source=str(path))
    digest = retrain(path)

    assert catalogue.find_by_source(str(path)) is None
    assert catalogue.is_on_disk(model)
    again = catalogue.check_again(model)
    assert again.digest == digest
    again.refresh_from_db()
    assert (again.pk, again.digest) == (model.pk, digest)
    assert catalogue.find_by_source(str(path)) == model


def test_an_unchanged_file_is_not_read_again_and_a_missing_one_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = catalogue.add_model(source=str(path))
    monkeypatch.setattr(catalogue, "file_digest", lambda path: pytest.fail("read again"))
    assert catalogue.check_again(model).digest == model.digest
    path.unlink()
    assert catalogue.check_again(model).digest == model.digest
