"""LoRA adapters of the catalogue: files that change how one model writes, a turn at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils.text import slugify

from chat.models import LanguageModel, LoraAdapter
from chat.services.catalogue import UnusableModelError
from chat.services.errors import InvalidOptions, InvalidRequest, UnknownModel
from inference.gguf import ModelFileError, file_digest, read_adapter_file
from inference.types.errors import InferenceError, Reason
from inference.types.requests import Adapter


def add_adapter(*, path: str, model: str, slug: str | None = None) -> LoraAdapter:
    """Check an adapter's file against its model and put it into the catalogue, in place of one of its name.

    Raises `UnknownModel`, `UnusableModelError` or `InvalidRequest`.
    """
    base = LanguageModel.objects.filter(slug=model, is_active=True).first()
    if base is None:
        raise UnknownModel(
            "There is no model %(model)s to adapt: see `model list`.", field="model", values={"model": model}
        )
    file = Path(path).expanduser().resolve()
    try:
        seen = read_adapter_file(file, model=Path(base.path))
        digest = file_digest(file)
    except ModelFileError as error:
        raise UnusableModelError(str(error)) from error
    except OSError as error:
        raise UnusableModelError(f"{file} cannot be read: {error.strerror}.") from error
    name = slugify(file.stem.replace(".", "-"))[:100] if slug is None else slug
    if not name or slugify(name) != name or len(name) > 100:
        raise InvalidRequest(
            "'%(slug)s' is not a slug: use lower-case letters, digits and hyphens.",
            field="slug",
            values={"slug": name},
        )
    adapter, _ = LoraAdapter.objects.update_or_create(
        model=base,
        slug=name,
        defaults={
            "name": seen.name[:200],
            "path": str(file),
            "digest": digest,
            "size_bytes": seen.size_bytes,
        },
    )
    return adapter


def require_adapter(*, model: str, slug: str) -> None:
    """Raises `InvalidOptions`, which tells the adapters there are, when the model has none of that name."""
    names = list(LoraAdapter.objects.filter(model__slug=model).values_list("slug", flat=True))
    if slug not in names:
        known = ", ".join(names) or "none"
        raise InvalidOptions(
            "%(model)s has no adapter named '%(slug)s': it has %(known)s.",
            field="options.lora",
            values={"model": model, "slug": slug, "known": known},
        )


def adapter_of(*, model: str, options: dict[str, Any]) -> Adapter | None:
    """The adapter that a turn asks for. Raises `InferenceError` when it is gone, or not the same any more."""
    slug = options.get("lora")
    if not slug:
        return None
    row = LoraAdapter.objects.filter(model__slug=model, slug=slug).first()
    if row is None:
        raise InferenceError(
            "adapter_failed",
            Reason("%(model)s has no adapter named %(name)s any more.", {"model": model, "name": slug}),
        )
    path = Path(row.path)
    if not path.is_file() or path.stat().st_size != row.size_bytes:
        message = Reason(
            "The file of the adapter %(name)s is missing or was replaced: add it to the catalogue again.",
            {"name": slug},
        )
        raise InferenceError("adapter_failed", message)
    return Adapter(path=row.path, digest=row.digest, scale=options.get("lora_scale", 1.0))
