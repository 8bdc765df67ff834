"""What a GGUF file says about itself, and whether all of it is there.

Only the header is read, through a memory map, so that a file of many gigabytes takes milliseconds; the
constants are the `gguf` package's. Its own reader builds an array per token and trusts every length.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gguf.constants import (
    GGML_QUANT_SIZES,
    GGUF_DEFAULT_ALIGNMENT,
    MODEL_ARCH_NAMES,
    GGMLQuantizationType,
    GGUFValueType,
)

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
}
Value = int | float | bool | str | None
Shape = tuple[int, ...]


class ModelFileError(ValueError):
    """The file cannot be used; the message says what is wrong with it."""


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
        base = _read_contents(data)
    with _open(path) as (data, size):
        contents = _read_contents(data)
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


def _read_contents(data: mmap.mmap) -> _Contents:
    header = _Header(data)
    tensor_count, field_count = header.start()
    fields = dict(header.field() for _ in range(field_count))
    tensors = [header.tensor() for _ in range(tensor_count)]
    alignment = fields.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ModelFileError("has an alignment that is not a positive number.")
    start = math.ceil(header.offset / alignment) * alignment
    return _Contents(
        fields=fields,
        shapes={tensor.name: tensor.shape for tensor in tensors},
        end=start + max(tensor.end for tensor in tensors),
    )


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
    contents = _read_contents(data)
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


def _require_complete(contents: _Contents, size: int) -> None:
    if contents.end > size:
        raise ModelFileError(f"is truncated: {contents.end - size} bytes of its tensors are missing.")


class _Tensor(NamedTuple):
    name: str
    shape: Shape
    end: int


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """A file's header: `end` is where its tensors' data should end."""

    fields: dict[str, Value]
    shapes: dict[str, Shape]
    end: int


class _Header:
    """A cursor over the header; every read is checked against the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.offset = 0

    def start(self) -> tuple[int, int]:
        """Magic and version; returns the counts of tensors and of metadata fields."""
        if self.data[: len(MAGIC)] != MAGIC:
            raise ModelFileError("is not a GGUF file: it does not begin with the magic GGUF.")
        self.offset = len(MAGIC)
        (version,) = self._unpack("I")
        if version not in VERSIONS:
            raise ModelFileError(f"has GGUF version {version}; versions 2 and 3 (little-endian) can be read.")
        tensor_count, field_count = self._unpack("QQ")
        if tensor_count == 0:
            raise ModelFileError("has no tensors: it holds a vocabulary only.")
        return tensor_count, field_count

    def field(self) -> tuple[str, Value]:
        """The next key and its value; arrays are skipped and come back as None."""
        key = self._string()
        (kind,) = self._unpack("I")
        return key, self._value(kind)

    def tensor(self) -> _Tensor:
        """The next tensor; its end is in bytes from the start of the tensor data."""
        name = self._string()
        (dimensions,) = self._unpack("I")
        if dimensions > 8:
            raise ModelFileError(f"is damaged: a tensor has {dimensions} dimensions.")
        shape = self._unpack("Q" * dimensions)
        kind, offset = self._unpack("IQ")
        # A kind newer than the package's list: its start is all we know.
        block, block_bytes = _block_sizes(kind)
        return _Tensor(name, shape, offset + math.prod(shape) // block * block_bytes)

    def _value(self, kind: int) -> Value:
        if kind == GGUFValueType.STRING:
            return self._string()
        if kind == GGUFValueType.ARRAY:
            self._skip_array()
            return None
        value: Value = self._unpack(_format(kind))[0]
        return value

    def _skip_array(self) -> None:
        kind, count = self._unpack("IQ")
        if kind == GGUFValueType.STRING:
            for _ in range(count):
                self._skip(self._unpack("Q")[0])
        else:
            self._skip(struct.calcsize(_format(kind)) * count)

    def _string(self) -> str:
        (length,) = self._unpack("Q")
        start = self.offset
        self._skip(length)
        return self.data[start : self.offset].decode("utf-8", "replace")

    def _unpack(self, layout: str) -> tuple[int, ...]:
        start = self.offset
        self._skip(struct.calcsize(f"<{layout}"))
        return struct.unpack_from(f"<{layout}", self.data, start)

    def _skip(self, count: int) -> None:
        if count > len(self.data) - self.offset:
            raise ModelFileError("is truncated or damaged: it ends within its header.")
        self.offset += count


def _format(kind: int) -> str:
    if kind not in SCALARS:
        raise ModelFileError(f"is damaged: a metadata value has the unknown type {kind}.")
    return SCALARS[GGUFValueType(kind)]


def _block_sizes(kind: int) -> tuple[int, int]:
    try:
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        return 1, 0
    return block, block_bytes
