"""The catalogue of models: every file is checked before anybody can choose it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.utils.text import slugify

from chat.models import LanguageModel
from chat.services import downloads
from chat.services.errors import Conflict, InvalidRequest, ServiceError, UnknownModel
from inference.gguf import ModelFile, ModelFileError, file_digest, read_model_file


class UnusableModelError(ServiceError):
    """The file is not a model that llama.cpp could serve."""

    code = "model_refused"


def add_model(
    *, source: str, slug: str | None = None, make_default: bool = False, is_matryoshka: bool = False
) -> LanguageModel:
    """Check a GGUF file (a path, or `hf:REPO[:FILE]`, which is downloaded) and put it into the catalogue.

    A source that is already there is checked again and updated. The first model that writes replies becomes
    the default. Raises `UnusableModelError`, `DownloadError`, `Conflict` or `InvalidRequest`.
    """
    source, path = _resolve(source)
    seen = _look_at(path)
    with transaction.atomic():
        known = LanguageModel.objects.select_for_update().filter(source=source).first()
        model = known or LanguageModel(source=source)
        model.slug = _choose_slug(slug, file=seen.file, model=model)
        model.path = str(path)
        model.is_active = True
        model.is_matryoshka = is_matryoshka
        _describe(model, seen)
        model.save()
        is_first = not model.is_encoder and not LanguageModel.objects.filter(is_default=True).exists()
        if make_default or is_first:
            _make_default(model)
    return model


def choose_default(*, slug: str) -> LanguageModel:
    """Make a model what new sessions and workers use. Raises `UnknownModel`."""
    with transaction.atomic():
        model = LanguageModel.objects.select_for_update().filter(slug=slug, is_active=True).first()
        if model is None:
            raise UnknownModel(
                "There is no model %(model)s to choose: see `model list`.",
                field="slug",
                values={"model": slug},
            )
        _make_default(model)
    return model


def choose_fallback(*, slug: str, fallback: str) -> LanguageModel:
    """Let another model answer while no worker offers this one; an empty `fallback` ends that.

    Raises `UnknownModel`, or `InvalidRequest` for a model that would stand in for itself.
    """
    with transaction.atomic():
        found = {
            model.slug: model for model in LanguageModel.objects.select_for_update().filter(is_active=True)
        }
        for name in (slug, *([fallback] if fallback else [])):
            if name not in found:
                raise UnknownModel(
                    "There is no model %(model)s to choose: see `model list`.",
                    field="slug",
                    values={"model": name},
                )
        if slug == fallback:
            raise InvalidRequest("A model cannot stand in for itself: choose another one.", field="fallback")
        model = found[slug]
        model.fallback = found.get(fallback)
        model.save(update_fields=["fallback"])
    return model


def find_by_source(source: str) -> LanguageModel | None:
    """The catalogue's row for `source`, if its file is still the one that was checked."""
    rows = LanguageModel.objects.filter(source=_canonical(source))
    if source.startswith(downloads.PREFIX) and source.count(":") == 1:
        rows = LanguageModel.objects.filter(source__startswith=f"{source}:")
    model = rows.first()
    if model is None or not is_unchanged(model):
        return None
    return model


def check_again(model: LanguageModel) -> LanguageModel:
    """The row, brought up to date where its file was replaced; a missing file changes nothing.

    Raises `UnusableModelError`.
    """
    if is_unchanged(model) or not Path(model.path).is_file():
        return model
    _describe(model, _look_at(Path(model.path)))
    model.save()
    return model


def is_on_disk(model: LanguageModel) -> bool:
    """Is there a whole file?"""
    path = Path(model.path)
    return path.is_file() and path.stat().st_size == model.size_bytes


def is_unchanged(model: LanguageModel) -> bool:
    """Is it the very file that was checked? One of the same size may have been trained anew."""
    return is_on_disk(model) and Path(model.path).stat().st_mtime_ns == model.modified_ns


def pull_models(default_source: str) -> list[LanguageModel]:
    """Download what is missing: the default model, if the Hub has it, and every such row of the catalogue."""
    pulled = []
    if default_source.startswith(downloads.PREFIX) and find_by_source(default_source) is None:
        pulled.append(add_model(source=default_source, make_default=True))
    for model in LanguageModel.objects.filter(is_active=True, source__startswith=downloads.PREFIX):
        if is_on_disk(model):
            check_again(model)
        else:
            Path(model.path).unlink(missing_ok=True)
            pulled.append(add_model(source=model.source, slug=model.slug))
    return pulled


def _canonical(source: str) -> str:
    return source if source.startswith(downloads.PREFIX) else str(Path(source).expanduser().resolve())


def _resolve(source: str) -> tuple[str, Path]:
    if source.startswith(downloads.PREFIX):
        file = downloads.find_file(source)
        return file.source, downloads.download(file)
    return _canonical(source), Path(_canonical(source))


class _Seen(NamedTuple):
    file: ModelFile
    digest: str
    modified_ns: int


def _look_at(path: Path) -> _Seen:
    try:
        # First, so that a file replaced while it is read is read again.
        modified_ns = path.stat().st_mtime_ns if path.exists() else 0
        return _Seen(read_model_file(path), file_digest(path), modified_ns)
    except ModelFileError as error:
        raise UnusableModelError(str(error)) from error
    except OSError as error:
        raise UnusableModelError(f"{path} cannot be read: {error.strerror}.") from error


def _describe(model: LanguageModel, seen: _Seen) -> None:
    file = seen.file
    model.name = file.name[:200]
    model.digest = seen.digest
    model.size_bytes = file.size_bytes
    model.modified_ns = seen.modified_ns
    model.architecture = file.architecture
    model.context_length = file.context_length
    model.chat_template = file.chat_template


def _choose_slug(wanted: str | None, *, file: ModelFile, model: LanguageModel) -> str:
    """A given slug must be free; one made from the file's name gets a number when it is not."""
    others = LanguageModel.objects.exclude(pk=model.pk)
    if wanted is not None:
        if not wanted or slugify(wanted) != wanted or len(wanted) > 100:
            raise InvalidRequest(
                "'%(slug)s' is not a slug: use lower-case letters, digits and hyphens.",
                field="slug",
                values={"slug": wanted},
            )
        if others.filter(slug=wanted).exists():
            raise Conflict(
                "There is already a model named %(model)s.", field="slug", values={"model": wanted}
            )
        return wanted
    if model.slug:
        return model.slug
    base = slugify(file.path.stem.replace(".", "-"))[:90] or "model"
    taken = set(others.filter(slug__startswith=base).values_list("slug", flat=True))
    candidates = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(slug for slug in candidates if slug not in taken)


def _make_default(model: LanguageModel) -> None:
    LanguageModel.objects.filter(is_default=True).exclude(pk=model.pk).update(is_default=False)
    LanguageModel.objects.filter(pk=model.pk).update(is_default=True)
    model.is_default = True
