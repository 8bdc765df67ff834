"""Random-weight GGUF models: every UTF-8 text can be tokenised, loading takes milliseconds."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = ("h e", "l l", "he ll", "hell o", "i n", "t h", "th e", "e r", "o n", "a n")


def write_random_gguf(
    path: Path,
    *,
    layers: int = 2,
    dim: int = 64,
    heads: int = 4,
    kv_heads: int = 0,
    ffn: int = 0,
    half: bool = False,
    vocab: int = 0,
    context: int = 2048,
    seed: int = 0,
    chat_template: str | None = CHATML,
    add_bos: bool = False,
    mute: Collection[int] = (),
) -> Path:
    """Write a llama-architecture model of noise with a byte-level BPE vocabulary (about 270 tokens).

    `vocab` pads the vocabulary with unused tokens to that size. `kv_heads` is as `heads` and `ffn` twice
    `dim` unless set. `half` makes the matrices f16 instead of f32 and ties the output to the embedding.
    Greedy replies say none of the tokens to `mute`.
    """
    kv_heads, ffn = kv_heads or heads, ffn or 2 * dim
    tokens, types = _vocabulary(vocab)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(f"random-{seed}")
    writer.add_context_length(context)
    writer.add_embedding_length(dim)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(dim // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(add_bos)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    kv_dim = dim // heads * kv_heads
    tensors = _tensors(len(tokens), layers, dim, kv_dim=kv_dim, ffn=ffn, seed=seed)
    tensors["token_embd.weight" if half else "output.weight"][list(mute)] = 0
    for name, tensor in tensors.items():
        if not half:
            writer.add_tensor(name, tensor)
        elif name != "output.weight":
            writer.add_tensor(name, tensor.astype(np.float16) if tensor.ndim > 1 else tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _vocabulary(size: int) -> tuple[list[str], list[int]]:
    words = [*_byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]
    tokens = [*words, *SPECIALS]
    types = [gguf.TokenType.NORMAL] * len(words) + [gguf.TokenType.CONTROL] * len(SPECIALS)
    missing = max(0, size - len(tokens))
    tokens += [f"<unused{number}>" for number in range(missing)]
    types += [gguf.TokenType.NORMAL] * missing
    return tokens, [int(kind) for kind in types]


def _byte_letters() -> list[str]:
    """GPT-2's printable stand-in for each byte: https://github.com/openai/gpt-2, src/encoder.py."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = (byte for byte in range(256) if byte not in printable)
    stand_ins = {byte: chr(256 + number) for number, byte in enumerate(rest)}
    return [stand_ins.get(byte, chr(byte)) for byte in range(256)]


def _tensors(
    n_vocab: int, layers: int, dim: int, *, kv_dim: int, ffn: int, seed: int
) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return noise.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)

    ones = np.ones(dim, dtype=np.float32)
    tensors = {"token_embd.weight": matrix(n_vocab, dim), "output_norm.weight": ones}
    tensors["output.weight"] = 3 * matrix(n_vocab, dim)
    for layer in range(layers):
        block = f"blk.{layer}"
        tensors |= {f"{block}.{name}_norm.weight": ones for name in ("attn", "ffn")}
        sizes = {"q": dim, "k": kv_dim, "v": kv_dim, "output": dim}
        tensors |= {f"{block}.attn_{name}.weight": matrix(size, dim) for name, size in sizes.items()}
        tensors |= {f"{block}.ffn_{name}.weight": matrix(ffn, dim) for name in ("gate", "up")}
        tensors[f"{block}.ffn_down.weight"] = matrix(dim, ffn)
    return tensors
