"""Runs of different recipes keep apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.demo_model import workplace as module


@pytest.mark.parametrize("changed", ["train.py", "corpus/lists.py"])
def test_another_recipe_or_corpus_has_another_folder(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "demo_model"
    shutil.copytree(module.HERE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.gguf", "*.png"))
    monkeypatch.setattr(module, "HERE", copy)
    before = module.workplace(tmp_path)
    assert module.workplace(tmp_path) == before
    (copy / changed).write_text((copy / changed).read_text() + "\n# another\n")
    assert module.workplace(tmp_path) != before
