from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chat.models import LanguageModel
from inference.gguf import file_digest
from tests.support.gguf import write_random_gguf
from workers import config
from workers.config import WorkerConfig, default_slots, make_worker_config, sees_accelerator

GIB = 1 << 30


def make_model(slug: str = "small", **fields: Any) -> LanguageModel:
    return LanguageModel.objects.create(
        **{
            "slug": slug,
            "name": slug,
            "path": f"/models/{slug}.gguf",
            "digest": "d" * 64,
            "size_bytes": GIB,
            "architecture": "llama",
            "context_length": 2048,
        }
        | fields
    )


def configure(**options: Any) -> WorkerConfig:
    defaults: dict[str, Any] = {"name": "w", "models": [], "slots": 0, "device": "cpu", "backend": "llama"}
    return make_worker_config(**defaults | options)


@pytest.mark.parametrize(
    ("cores", "free_gib", "model_gib", "n_ctx", "device", "slots"),
    [
        (2, 16, 0.3, 2048, "cpu", 8),
        (64, 500, 0.3, 2048, "cpu", 16),
        (64, 500, 5, 4096, "gpu", 32),
        (8, 16, 5, 4096, "cpu", 4),  # 10 GiB left for windows of 2 GiB
        (8, 4, 5, 4096, "cpu", 1),  # no memory at all: try it with one
    ],
)
def test_slots_suit_cores_and_memory(
    cores: int, free_gib: float, model_gib: float, n_ctx: int, device: str, slots: int
) -> None:
    assert slots == default_slots(
        cores=cores,
        free_bytes=round(free_gib * GIB),
        model_bytes=round(model_gib * GIB),
        n_ctx=n_ctx,
        device=device,
    )


def test_the_paced_backend_needs_no_file() -> None:
    (engine,) = configure(backend="paced").first.engines()
    (named,) = configure(backend="paced", models=["demo"], slots=3).first.engines()

    assert (engine.model, engine.backend, engine.path) == ("paced", "paced", None)
    assert engine.slots >= 1
    assert (named.model, named.slots) == ("demo", 3)


@pytest.mark.django_db
def test_the_default_model_or_the_one_asked_for() -> None:
    make_model("small", is_default=True)
    make_model("large", context_length=100_000)

    (default,) = configure().first.engines()
    (chosen,) = configure(models=["large"], slots=2).first.engines()
    assert (default.model, default.n_ctx, default.path) == ("small", 2048, Path("/models/small.gguf"))
    assert (chosen.model, chosen.n_ctx, chosen.slots) == ("large", 4096, 2)
    assert chosen.digest == "d" * 64


@pytest.mark.django_db
def test_a_missing_model_is_named() -> None:
    make_model("retired", is_active=False)

    with pytest.raises(ImproperlyConfigured, match="no model named 'retired'"):
        configure(models=["retired"])
    with pytest.raises(ImproperlyConfigured, match="no default model"):
        configure()


@pytest.mark.django_db
def test_auto_tries_a_visible_gpu_and_then_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(is_default=True)

    monkeypatch.setattr(config, "sees_accelerator", lambda: True)
    assert [engine.device for engine in configure(device="auto").first.engines()] == ["gpu", "cpu"]
    assert [engine.device for engine in configure(device="gpu").first.engines()] == ["gpu"]
    monkeypatch.setattr(config, "sees_accelerator", lambda: False)
    assert [engine.device for engine in configure(device="auto").first.engines()] == ["cpu"]


def test_an_accelerator_is_seen_by_its_device_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.config.sys.platform", "linux")
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert not sees_accelerator()
    monkeypatch.setattr(Path, "exists", lambda self: str(self) == "/dev/kfd")
    assert sees_accelerator()


@pytest.mark.django_db
def test_a_file_that_was_replaced_is_looked_at_again(tmp_path: Path) -> None:
    path = write_random_gguf(tmp_path / "m.gguf")
    make_model(path=str(path), size_bytes=path.stat().st_size, modified_ns=1, is_default=True)
    (engine,) = configure().first.engines()

    assert engine.digest == file_digest(path) == LanguageModel.objects.get().digest
    assert engine.modified_ns == path.stat().st_mtime_ns
    path.write_bytes(b"not a model")
    with pytest.raises(ImproperlyConfigured, match="not a GGUF file"):
        configure()
