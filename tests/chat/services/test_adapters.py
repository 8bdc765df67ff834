"""Adapters in the catalogue: checked against their model, named by turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models import LanguageModel, LoraAdapter
from chat.services.adapters import adapter_of, add_adapter, require_adapter
from chat.services.catalogue import UnusableModelError, add_model
from chat.services.errors import InvalidOptions, InvalidRequest, UnknownModel
from chat.services.turns import start_turn
from inference.gguf import file_digest
from inference.types.errors import InferenceError
from inference.types.requests import Adapter
from tests.support.bert import write_bert_gguf
from tests.support.factories import make_session
from tests.support.gguf import write_random_gguf
from tests.support.lora import write_lora_gguf

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(tmp_path: Path) -> LanguageModel:
    return add_model(source=str(write_random_gguf(tmp_path / "base.gguf")), slug="base")


@pytest.fixture
def pirate(base: LanguageModel, tmp_path: Path) -> LoraAdapter:
    return add_adapter(path=str(write_lora_gguf(tmp_path / "pirate.gguf")), model="base")


def test_an_adapter_is_checked_and_kept(pirate: LoraAdapter, base: LanguageModel, tmp_path: Path) -> None:
    again = add_adapter(path=str(write_lora_gguf(tmp_path / "pirate.gguf", seed=9)), model="base")

    assert (pirate.slug, pirate.model) == ("pirate", base)
    assert again.digest == file_digest(tmp_path / "pirate.gguf") != pirate.digest
    assert LoraAdapter.objects.count() == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"architecture": "qwen2"}, "is an adapter for qwen2 models, not for base.gguf"),
        ({"dim": 128}, "does not fit that of base.gguf"),
        ({"layers": 3}, "base.gguf has no blk.2.attn_q.weight"),
    ],
)
def test_an_adapter_for_another_model_is_refused(
    base: LanguageModel, tmp_path: Path, written: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnusableModelError) as caught:
        add_adapter(path=str(write_lora_gguf(tmp_path / "a.gguf", **written)), model="base")
    assert words in caught.value.message


def test_what_is_no_adapter_is_refused(base: LanguageModel, tmp_path: Path) -> None:
    lora = write_lora_gguf(tmp_path / "lora.gguf")
    with pytest.raises(UnusableModelError, match="is not a LoRA adapter"):
        add_adapter(path=base.path, model="base")
    with pytest.raises(UnusableModelError, match="is an adapter: add it with --lora-for"):
        add_model(source=str(lora))
    with pytest.raises(UnusableModelError, match="is not a file"):
        add_adapter(path=str(tmp_path / "nowhere.gguf"), model="base")
    lora.write_bytes(lora.read_bytes()[:-100])
    with pytest.raises(UnusableModelError, match="is truncated"):
        add_adapter(path=str(lora), model="base")
    with pytest.raises(UnknownModel, match="no model nobody"):
        add_adapter(path=str(lora), model="nobody")
    with pytest.raises(InvalidRequest, match="not a slug"):
        add_adapter(path=str(write_lora_gguf(lora)), model="base", slug="A b")


def test_a_turn_names_an_adapter_of_its_model(pirate: LoraAdapter) -> None:
    session = make_session(llm_model="base")

    def ask(**options: Any) -> dict[str, Any]:
        turn = start_turn(user=session.owner, session_id=session.id, content="Ahoy", options=options)
        turn.generation.delete()
        turn.reply.delete()
        options_kept: dict[str, Any] = turn.generation.options
        return options_kept

    options = ask(lora="pirate", lora_scale=0.5)
    assert adapter_of(model="base", options=options) == Adapter(
        path=pirate.path, digest=pirate.digest, scale=0.5
    )
    assert adapter_of(model="base", options=ask()) is None
    with pytest.raises(InvalidOptions, match="base has no adapter named 'poet': it has pirate") as caught:
        ask(lora="poet")
    assert caught.value.field == "options.lora"
    with pytest.raises(InvalidOptions, match="other has no adapter named 'x': it has none"):
        require_adapter(model="other", slug="x")


def test_an_adapter_that_is_gone_fails_its_reply(pirate: LoraAdapter) -> None:
    options = {"lora": "pirate"}
    Path(pirate.path).unlink()
    with pytest.raises(InferenceError, match="pirate is missing or was replaced"):
        adapter_of(model="base", options=options)
    pirate.delete()
    with pytest.raises(InferenceError, match="has no adapter named pirate any more"):
        adapter_of(model="base", options=options)


def test_a_model_of_embeddings_writes_no_replies(tmp_path: Path) -> None:
    model = add_model(source=str(write_bert_gguf(tmp_path / "bert.gguf")), slug="bert", is_matryoshka=True)
    session = make_session(llm_model="bert")

    assert (model.is_default, model.is_matryoshka) == (False, True)
    with pytest.raises(UnknownModel, match="bert makes embeddings and writes no replies"):
        start_turn(user=session.owner, session_id=session.id, content="Hello")


def test_adapters_from_the_shell(
    base: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_lora_gguf(tmp_path / "pirate.gguf"))
    call_command("model", "add", path, "--lora-for", "base", "--slug", "matey")
    call_command("model", "list")
    said = capsys.readouterr().out

    assert "matey for base" in said
    assert "(adapters: matey)" in said
    with pytest.raises(CommandError, match="no model nobody"):
        call_command("model", "add", path, "--lora-for", "nobody")
