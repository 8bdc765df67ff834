"""Downloads from a stand-in for the Hub: resumed, verified, and clear when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from pytest_django.fixtures import Settings

from chat.models import LanguageModel
from chat.services import catalogue, downloads
from tests.support.gguf import write_random_gguf
from tests.support.hub import REPOSITORY, Hub, start_hub

pytestmark = pytest.mark.django_db
SOURCE = f"hf:{REPOSITORY}"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_random_gguf(tmp_path / "made.gguf").read_bytes()


@pytest.fixture
def hub(content: bytes, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    settings.MODEL_DIR = tmp_path / "models"
    with start_hub({"README.md": b"hello", "model-f16.gguf": content}) as hub:
        # As HF_ENDPOINT would at the start of a process.
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        yield hub


def test_the_only_model_of_a_repository_needs_no_name(hub: Hub, content: bytes) -> None:
    model = catalogue.add_model(source=SOURCE)
    assert model.source == f"{SOURCE}:model-f16.gguf"
    assert Path(model.path).read_bytes() == content
    assert catalogue.find_by_source(SOURCE) == model
    assert catalogue.find_by_source(model.source) == model


def test_the_usual_quantisation_is_preferred(hub: Hub, content: bytes) -> None:
    hub.files["model-Q4_K_M.gguf"] = content
    assert downloads.find_file(SOURCE).name == "model-Q4_K_M.gguf"


def test_several_equals_have_to_be_named(hub: Hub, content: bytes) -> None:
    hub.files = {"a.gguf": content, "b.gguf": content}
    with pytest.raises(downloads.DownloadError, match=r"several files, name one: a\.gguf, b\.gguf"):
        downloads.find_file(SOURCE)


def test_a_repository_without_models(hub: Hub) -> None:
    hub.files = {"README.md": b"hello"}
    with pytest.raises(downloads.DownloadError, match="has no GGUF file"):
        downloads.find_file(SOURCE)


@pytest.mark.parametrize("source", ["hf:", "hf:a/b/c", "hf:a/b:../../x.gguf", "hf:a/b:/etc/passwd", "hf:a b"])
def test_what_is_not_a_source(source: str) -> None:
    with pytest.raises(downloads.DownloadError, match="not of the form"):
        downloads.find_file(source)


def test_a_cut_connection_is_resumed(hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.cut_after = 50_000
    path = downloads.download(downloads.find_file(SOURCE))
    assert path.read_bytes() == content
    assert hub.ranges == ["bytes=50000-"]


def test_a_partial_file_of_an_earlier_run_is_resumed(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(url: str, target: object, **options: object) -> None:
        target.write(content[:40_000])  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    file = downloads.find_file(SOURCE)
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "http_get", interrupted)
        with pytest.raises(KeyboardInterrupt):
            downloads.download(file)
    assert not file.path.exists()
    assert downloads.download(file).read_bytes() == content
    assert hub.ranges == ["bytes=40000-"]
    assert hub.sent_bytes == len(content) - 40_000
    assert [path.name for path in file.path.parent.iterdir()] == [file.name]


def test_a_damaged_file_is_thrown_away(hub: Hub) -> None:
    hub.corrupt = True
    file = downloads.find_file(SOURCE)
    with pytest.raises(downloads.DownloadError, match="arrived damaged"):
        downloads.download(file)
    assert list(file.path.parent.iterdir()) == []


def test_a_file_that_is_there_is_not_fetched_again(hub: Hub) -> None:
    file = downloads.find_file(SOURCE)
    downloads.download(file)
    sent = hub.sent_bytes
    downloads.download(file)
    assert hub.sent_bytes == sent


def test_what_the_hub_does_not_have(hub: Hub) -> None:
    with pytest.raises(downloads.DownloadError, match="cannot be downloaded"):
        downloads.download(downloads.find_file(f"{SOURCE}:nothing.gguf"))
    with pytest.raises(downloads.DownloadError, match="cannot be listed"):
        downloads.find_file("hf:nobody/nothing")


def test_pull_fetches_the_default_and_what_is_missing(hub: Hub, content: bytes) -> None:
    assert [model.slug for model in catalogue.pull_models(SOURCE)] == ["model-f16"]
    assert catalogue.pull_models(SOURCE) == []
    model = LanguageModel.objects.get()
    Path(model.path).write_bytes(b"cut")
    assert catalogue.pull_models("") == [model]
    assert Path(model.path).read_bytes() == content
