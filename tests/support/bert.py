"""A BERT of noise: a model that makes embeddings and nothing else."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁hello", "▁world", "▁the", "s", "▁a")


def write_bert_gguf(path: Path, *, layers: int = 2, dim: int = 32, context: int = 128) -> Path:
    """Write it, with CLS pooling and a vocabulary of a few words."""
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name("bert-noise")
    writer.add_context_length(context)
    writer.add_embedding_length(dim)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * dim)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_vocab_size(len(WORDS))
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(WORDS))
    writer.add_token_scores([0.0] * len(WORDS))
    control, normal = int(gguf.TokenType.CONTROL), int(gguf.TokenType.NORMAL)
    writer.add_token_types([control] * 5 + [normal] * (len(WORDS) - 5))
    for name, number in (("pad", 0), ("unk", 1), ("bos", 2), ("sep", 3), ("mask", 4), ("eos", 3)):
        getattr(writer, f"add_{name}_token_id")(number)
    for tensor_name, tensor in _tensors(layers, dim, context).items():
        writer.add_tensor(tensor_name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(layers: int, dim: int, context: int) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return noise.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)

    def layer_norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}.weight": np.ones(dim, np.float32), f"{name}.bias": np.zeros(dim, np.float32)}

    tensors = {
        "token_embd.weight": matrix(len(WORDS), dim),
        "position_embd.weight": matrix(context, dim),
        "token_types.weight": matrix(2, dim),
        **layer_norm("token_embd_norm"),
    }
    sizes = {"attn_q": (dim, dim), "attn_k": (dim, dim), "attn_v": (dim, dim), "attn_output": (dim, dim)}
    sizes |= {"ffn_up": (2 * dim, dim), "ffn_down": (dim, 2 * dim)}
    for layer in range(layers):
        block = f"blk.{layer}"
        for name, (rows, columns) in sizes.items():
            tensors[f"{block}.{name}.weight"] = matrix(rows, columns)
            tensors[f"{block}.{name}.bias"] = noise.normal(0, 0.1, rows).astype(np.float32)
        tensors |= layer_norm(f"{block}.attn_output_norm") | layer_norm(f"{block}.layer_output_norm")
    return tensors
