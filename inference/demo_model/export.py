"""Write a checkpoint as GGUF with 8-bit weights. Run `python -m inference.demo_model.export`."""

import argparse
import json
from pathlib import Path

import gguf
import torch
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from torch import Tensor

from inference.demo_model.corpus.conversations import corpus
from inference.demo_model.corpus.turns import CHAT_TEMPLATE, END, END_OF_TEXT, SPECIAL_TOKENS
from inference.demo_model.model import Shape
from inference.demo_model.vocabulary import PRE_TOKENIZER, Tokenizer
from inference.demo_model.workplace import WORK, workplace

HERE = Path(__file__).parent
TARGET = HERE / "parley-demo.gguf"
TOKENS = HERE / "tokens.json"
EIGHT_BIT = GGMLQuantizationType.Q8_0

_NAMES = {
    "embedding.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "attention_norm.weight": "attn_norm.weight",
    "attention.q.weight": "attn_q.weight",
    "attention.k.weight": "attn_k.weight",
    "attention.v.weight": "attn_v.weight",
    "attention.out.weight": "attn_output.weight",
    "ffn_norm.weight": "ffn_norm.weight",
    "gate.weight": "ffn_gate.weight",
    "up.weight": "ffn_up.weight",
    "down.weight": "ffn_down.weight",
}
_SAMPLES = (
    "Hello, my name is Marta!",
    "What is 12 + 7? 3-2=1, 10 x 10 = 100",
    "  two  blanks,\ttabs\n\nand lines  \n ",
    "I'm here; it's what we'll say, they've DON'T",
    "Łódź, São Paulo, naïve café, Straße",
    "今天天气怎么样 مرحبا שלום Привет हिन्दी",
    "emoji 😀🚀 ❤️ and ²³½ ٣ Ⅷ signs",
    'def f(x): return {"a": [1, 2.5e-3], "b": null}',
    "\u0000\u0001\u007f\u00a0\u200b end",
)


def tensor_name(name: str) -> str:
    """llama.cpp's name for one of the model's parameters."""
    if name.startswith("blocks."):
        _, layer, rest = name.split(".", 2)
        return f"blk.{layer}.{_NAMES[rest]}"
    return _NAMES[name]


def write_metadata(writer: GGUFWriter, shape: Shape) -> None:
    """What llama.cpp needs to build the network, and where the file comes from."""
    writer.add_name("Parley demo model")
    writer.add_author("The Parley project")
    writer.add_license("mit")
    writer.add_description("A very small chat model trained from scratch on Parley's own template corpus")
    writer.add_languages(["en"])
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def write_vocabulary(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    """Tokens, merges, special tokens and the chat template."""
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if t in SPECIAL_TOKENS else TokenType.NORMAL for t in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_eos_token_id(tokens.index(END))
    writer.add_eot_token_id(tokens.index(END))
    writer.add_bos_token_id(tokens.index(END_OF_TEXT))
    writer.add_pad_token_id(tokens.index(END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_tensors(writer: GGUFWriter, weights: dict[str, Tensor]) -> None:
    """Matrices in blocks of 32 eight-bit numbers, vectors as they are."""
    for name, weight in weights.items():
        values = weight.float().numpy()
        if weight.dim() == 1:
            writer.add_tensor(tensor_name(name), values)
        else:
            writer.add_tensor(tensor_name(name), gguf.quantize(values, EIGHT_BIT), raw_dtype=EIGHT_BIT)


def export(weights: dict[str, Tensor], tokenizer: Tokenizer, target: Path) -> None:
    """Write the model to `target`, whole or not at all."""
    partial = target.with_suffix(".new")
    writer = GGUFWriter(partial, "llama")
    write_metadata(writer, Shape(vocabulary=tokenizer.get_vocab_size()))
    write_vocabulary(writer, tokenizer)
    write_tensors(writer, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)


def write_token_samples(tokenizer: Tokenizer, target: Path) -> None:
    """How the training tokeniser splits varied texts; a test holds llama.cpp to it."""
    conversations = corpus(1)
    spoken = [message["content"] for _ in range(40) for message in next(conversations).messages()]
    samples = {text: tokenizer.encode(text).ids for text in (*_SAMPLES, *spoken)}
    target.write_text(json.dumps(samples, ensure_ascii=True, indent=0) + "\n")


def main() -> None:
    """Export the newest checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--target", type=Path, default=TARGET)
    chosen = parser.parse_args()
    work = workplace(chosen.work)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    export(torch.load(work / "checkpoint.pt", weights_only=True)["model"], tokenizer, chosen.target)
    write_token_samples(tokenizer, TOKENS)


if __name__ == "__main__":
    main()
