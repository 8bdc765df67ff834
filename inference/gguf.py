"""What a GGUF file says about itself, and whether all of it is there.

Only the header is read, through a memory map, so that a file of many gigabytes takes milliseconds; the
constants are the `gguf` package's. Its own reader builds an array per token and trusts every length.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gguf.constants import MODEL_ARCH_NAMES

from inference.gguf_header import MAGIC, Contents, ModelFileError, Shape, Value, read_contents

__all__ = [
    "AdapterFile",
    "ModelFile",
    "ModelFileError",
    "file_digest",
    "read_adapter_file",
    "read_model_file",
]


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One usable file. `context_length` is the window the model was trained with, in tokens.

    A token's keys, and its values, are `kv_width` numbers in all `layers` together; 0 where it does not say.
    """

    path: Path
    name: str
    architecture: str
    context_length: int
    chat_template: str
    tensor_count: int
    size_bytes: int
    layers: int = 0
    kv_width: int = 0


@dataclass(frozen=True, kw_only=True)
class AdapterFile:
    """One usable LoRA adapter."""

    path: Path
    name: str
    architecture: str
    size_bytes: int


def read_model_file(path: Path) -> ModelFile:
    """Read and check the header of a GGUF file; raises `ModelFileError`."""
    with _open(path) as (data, size):
        return _read(path, data, size)


def read_adapter_file(path: Path, *, model: Path) -> AdapterFile:
    """Read and check the header of a LoRA adapter for a model's file; raises `ModelFileError`."""
    with _open(model) as (data, size):
        base = read_contents(data)
    with _open(path) as (data, size):
        contents = read_contents(data)
        fields = contents.fields
        kind = fields.get("general.type"), fields.get("adapter.type")
        if kind != ("adapter", "lora"):
            raise ModelFileError("is not a LoRA adapter in GGUF: see llama.cpp's convert_lora_to_gguf.py.")
        architecture = _text(fields, "general.architecture")
        if architecture != base.fields.get("general.architecture"):
            raise ModelFileError(f"is an adapter for {architecture} models, not for {model.name}.")
        _require_complete(contents, size)
        _require_fitting(contents.shapes, base.shapes, model.name)
    name = _text(fields, "general.name") or path.stem
    return AdapterFile(path=path, name=name, architecture=architecture, size_bytes=size)


@contextmanager
def _open(path: Path) -> Iterator[tuple[mmap.mmap, int]]:
    """A file's bytes; errors raised meanwhile begin with its name."""
    if not path.is_file():
        raise ModelFileError(f"{path} is not a file.")
    size = path.stat().st_size
    if size < len(MAGIC):
        raise ModelFileError(f"{path.name} is not a GGUF file: it has only {size} bytes.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            yield data, size
        except ModelFileError as error:
            raise ModelFileError(f"{path.name} {error}") from None


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_fitting(halves: dict[str, Shape], shapes: dict[str, Shape], model: str) -> None:
    """Each pair of matrices must belong to one of the model's."""
    for name, shape in halves.items():
        if name.endswith("_norm.weight"):
            continue  # llama.cpp leaves these out
        base, _, half = name.rpartition(".lora_")
        other = {"a": "b", "b": "a"}.get(half)
        if not base or other is None or f"{base}.lora_{other}" not in halves:
            raise ModelFileError(f"is damaged: its tensor {name} is not half of a pair.")
        if base not in shapes:
            raise ModelFileError(f"was made for another model: {model} has no {base}.")
        if not _fits(shape, half, shapes[base], is_embedding=base.endswith("token_embd.weight")):
            raise ModelFileError(f"was made for another model: its {name} does not fit that of {model}.")


def _fits(shape: Shape, half: str, target: Shape, *, is_embedding: bool) -> bool:
    """Whether `A` takes the matrix's input, or `B` gives its output; the other way round for embeddings."""
    if len(shape) != 2 or len(target) != 2:
        return False
    if is_embedding:
        return shape[1] == target[1 if half == "a" else 0]
    return shape[0] == target[0] if half == "a" else shape[1] == target[1]


def _read(path: Path, data: mmap.mmap, size: int) -> ModelFile:
    contents = read_contents(data)
    fields = contents.fields
    _require_one_file(fields)
    architecture = _text(fields, "general.architecture")
    if architecture not in MODEL_ARCH_NAMES.values():
        raise ModelFileError(f"has an unknown architecture: {architecture!r}.")
    if fields.get("general.type") == "adapter":
        raise ModelFileError("is an adapter: add it with --lora-for and the model that it belongs to.")
    context_length = fields.get(f"{architecture}.context_length")
    if not isinstance(context_length, int) or context_length < 1:
        raise ModelFileError(f"does not say its context length ({architecture}.context_length).")
    _require_complete(contents, size)
    return ModelFile(
        path=path,
        name=_text(fields, "general.name") or path.stem,
        architecture=architecture,
        context_length=context_length,
        chat_template=_text(fields, "tokenizer.chat_template"),
        tensor_count=len(contents.shapes),
        size_bytes=size,
        layers=_number(fields, f"{architecture}.block_count"),
        kv_width=_kv_width(fields, architecture),
    )


def _kv_width(fields: dict[str, Value], architecture: str) -> int:
    heads = _number(fields, f"{architecture}.attention.head_count")
    kv_heads = _number(fields, f"{architecture}.attention.head_count_kv") or heads
    length = _number(fields, f"{architecture}.attention.key_length")
    if not length and heads:
        length = _number(fields, f"{architecture}.embedding_length") // heads
    return _number(fields, f"{architecture}.block_count") * kv_heads * length


def _number(fields: dict[str, Value], key: str) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) else 0


def _text(fields: dict[str, Value], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise ModelFileError(f"has a {key} that is not text.")
    return value


def _require_one_file(fields: dict[str, Value]) -> None:
    shards = fields.get("split.count", 0)
    if isinstance(shards, int) and shards > 1:
        raise ModelFileError(f"is one of {shards} parts: merge them first with llama-gguf-split --merge.")


def _require_complete(contents: Contents, size: int) -> None:
    if contents.end > size:
        raise ModelFileError(f"is truncated: {contents.end - size} bytes of its tensors are missing.")
