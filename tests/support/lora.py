"""LoRA adapters of noise for the models of noise."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def write_lora_gguf(
    path: Path,
    *,
    layers: int = 2,
    dim: int = 64,
    rank: int = 4,
    strength: float = 0.5,
    seed: int = 0,
    architecture: str = "llama",
) -> Path:
    """Write an adapter for the query and value matrices of `write_random_gguf`'s model of that size."""
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    noise = np.random.default_rng(seed)
    for layer in range(layers):
        for name in ("attn_q", "attn_v", "ffn_up"):
            out = 2 * dim if name == "ffn_up" else dim
            base = f"blk.{layer}.{name}.weight"
            for half, shape in (("a", (rank, dim)), ("b", (out, rank))):
                matrix = noise.normal(0, strength, shape).astype(np.float32)
                writer.add_tensor(f"{base}.lora_{half}", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
