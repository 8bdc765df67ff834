"""The byte-level BPE vocabulary: trained on the corpus, single digits, every byte representable."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.demo_model.corpus.conversations import corpus
from inference.demo_model.corpus.turns import SPECIAL_TOKENS

VOCABULARY_SIZE = 2048
SAMPLE = 20_000

# llama.cpp's name for the very splitting rules set up below: digits one by one, then GPT-2's expression.
PRE_TOKENIZER = "smollm"


def fragments(seed: int, count: int) -> Iterator[str]:
    """The texts between special tokens in the corpus's first conversations."""
    for conversation in islice(corpus(seed), count):
        for message in conversation.messages():
            yield f"{message['role']}\n{message['content']}"


def train(texts: Iterable[str], *, size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Learn merges from the texts; ids 0 to 2 are the special tokens, the bytes follow."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_or_train(path: Path, *, seed: int) -> Tokenizer:
    """The vocabulary kept at `path`, trained on first use."""
    if not path.exists():
        train(fragments(seed, SAMPLE)).save(str(path))
    return Tokenizer.from_file(str(path))
