"""One worker, two real models on llama.cpp, and memory for one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.models import Generation, GenerationStatus, WorkerNode
from chat.services.catalogue import add_model
from tests.support.factories import make_generation
from tests.support.gguf import write_random_gguf
from tests.support.waiting import wait_until
from workers.config import make_worker_config
from workers.runtime import WorkerRuntime

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def make_turn(model: str) -> Generation:
    return make_generation(content="hello", model=model, options={"max_tokens": 20, "seed": 1})


def ended(generation: Generation) -> Generation:
    def refreshed() -> bool:
        generation.refresh_from_db()
        return not generation.is_active

    wait_until(refreshed, timeout=60, what=f"the end of {generation}")
    return generation


def test_turns_on_two_models_finish_in_memory_for_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="workers")
    for seed, slug in enumerate(("left", "right")):
        add_model(source=str(write_random_gguf(tmp_path / f"{slug}.gguf", seed=seed)), slug=slug)
    config = make_worker_config(name="w", models=[], slots=2, device="cpu", backend="llama", memory=400 << 20)
    assert config.first.need_bytes < config.budget < 2 * config.first.need_bytes
    worker = WorkerRuntime(config)
    turns = [make_turn(slug) for slug in ("left", "right", "left")]
    worker.start()
    try:
        for turn in turns:
            assert ended(turn).status == GenerationStatus.SUCCEEDED
        loads = [record.message for record in caplog.records if "is loaded on" in record.message]
        leaves = [record.message for record in caplog.records if "leaves for" in record.message]
        assert [load.split()[0] for load in loads] == ["left", "right"]
        assert leaves == ["left leaves for right"]
        wait_until(lambda: WorkerNode.objects.get().loaded_models == ["right"], what="a beat")
        node = WorkerNode.objects.get()
        assert node.offered_models == ["left", "right"]
        assert node.memory_budget == 400 << 20
    finally:
        worker.close()
