"""Reading GGUF headers: what a good file says, and what each kind of bad file is told."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.gguf import ModelFileError, file_digest, read_model_file
from tests.support.gguf import CHATML, write_random_gguf

VERSION_OFFSET = 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_gguf(tmp_path_factory.mktemp("gguf") / "good.gguf", context=512)


def write_header(
    path: Path, *, arch: str = "llama", context: int | None = 128, tensors: bool = True, **fields: int
) -> Path:
    writer = gguf.GGUFWriter(str(path), arch)
    if context is not None:
        writer.add_context_length(context)
    for name, value in fields.items():
        writer.add_uint16(name.replace("_", "."), value)
    if tensors:
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def patched(source: Path, target: Path, offset: int, data: bytes) -> Path:
    content = bytearray(source.read_bytes())
    content[offset : offset + len(data)] = data
    target.write_bytes(content)
    return target


def test_a_good_file_is_described(model: Path) -> None:
    file = read_model_file(model)
    assert (file.architecture, file.context_length, file.name) == ("llama", 512, "random-0")
    assert file.chat_template == CHATML
    assert file.tensor_count > 0
    assert file.size_bytes == model.stat().st_size


def test_the_digest_is_sha256(model: Path) -> None:
    assert file_digest(model) == hashlib.sha256(model.read_bytes()).hexdigest()


def test_a_file_without_a_template_is_fine(tmp_path: Path) -> None:
    assert read_model_file(write_header(tmp_path / "plain.gguf")).chat_template == ""


def test_without_a_name_the_file_name_serves(tmp_path: Path) -> None:
    assert read_model_file(write_header(tmp_path / "plain.gguf")).name == "plain"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "only 0 bytes"),
        (b"GG", "only 2 bytes"),
        (b"PK\3\4" + b"\0" * 100, "does not begin with the magic GGUF"),
        (b"GGUF", "ends within its header"),
        (b"GGUF" + struct.pack("<I", 3) + b"\0" * 4, "ends within its header"),
    ],
)
def test_what_is_not_gguf(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=complaint):
        read_model_file(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a file"):
        read_model_file(tmp_path / "nothing.gguf")


@pytest.mark.parametrize("version", [1, 4, 3 << 24])
def test_other_versions_are_named(model: Path, tmp_path: Path, version: int) -> None:
    path = patched(model, tmp_path / "v.gguf", VERSION_OFFSET, struct.pack("<I", version))
    with pytest.raises(ModelFileError, match=f"GGUF version {version};"):
        read_model_file(path)


def test_a_vocabulary_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no tensors"):
        read_model_file(write_header(tmp_path / "vocab.gguf", tensors=False))


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="unknown architecture: 'perceptron'"):
        read_model_file(write_header(tmp_path / "new.gguf", arch="perceptron"))


@pytest.mark.parametrize("context", [None, 0])
def test_the_context_length_is_needed(tmp_path: Path, context: int | None) -> None:
    with pytest.raises(ModelFileError, match="does not say its context length"):
        read_model_file(write_header(tmp_path / "short.gguf", context=context))


def test_one_part_of_several_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="one of 3 parts"):
        read_model_file(write_header(tmp_path / "part.gguf", split_count=3))


def test_a_cut_download_is_told_how_much_is_missing(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(model.read_bytes()[:-1000])
    with pytest.raises(ModelFileError, match=r"cut\.gguf is truncated: 1000 bytes"):
        read_model_file(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_answer_not_a_crash(model: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Any 8 bytes of the header overwritten: either it still reads, or `ModelFileError` says why not."""
    offset = data.draw(st.integers(0, 2000))
    path = patched(model, tmp_path / "damaged.gguf", offset, data.draw(st.binary(min_size=8, max_size=8)))
    with contextlib.suppress(ModelFileError):
        assert read_model_file(path).tensor_count > 0
