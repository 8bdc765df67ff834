"""A GGUF file's header, byte by byte; every length is checked before it is believed."""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from typing import NamedTuple

from gguf.constants import GGML_QUANT_SIZES, GGUF_DEFAULT_ALIGNMENT, GGMLQuantizationType, GGUFValueType

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


def read_contents(data: mmap.mmap) -> Contents:
    """Read the header of a file. Raises `ModelFileError`, whose message goes on after the file's name."""
    header = _Header(data)
    tensor_count, field_count = header.start()
    fields = dict(header.field() for _ in range(field_count))
    tensors = [header.tensor() for _ in range(tensor_count)]
    alignment = fields.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ModelFileError("has an alignment that is not a positive number.")
    start = math.ceil(header.offset / alignment) * alignment
    return Contents(
        fields=fields,
        shapes={tensor.name: tensor.shape for tensor in tensors},
        end=start + max(tensor.end for tensor in tensors),
    )


class _Tensor(NamedTuple):
    name: str
    shape: Shape
    end: int


@dataclass(frozen=True, kw_only=True)
class Contents:
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
