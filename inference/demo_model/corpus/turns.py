"""What a conversation is made of, and how it becomes text."""

from dataclasses import dataclass

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Turn:
    """One prompt and the reply the model should learn.

    `brief` is the reply for a persona of few words; `exact` replies are never decorated by a tone;
    `expect` holds the words an evaluator looks for, each one or several spellings parted by `|`.
    """

    user: str
    answer: str
    brief: str | None = None
    exact: bool = False
    expect: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """A system prompt (or none) and the turns under it."""

    turns: tuple[Turn, ...]
    system: str | None = None

    def messages(self) -> list[dict[str, str]]:
        """The conversation in the form chat APIs take."""
        opening = [{"role": "system", "content": self.system}] if self.system else []
        pairs = (
            ({"role": "user", "content": turn.user}, {"role": "assistant", "content": turn.answer})
            for turn in self.turns
        )
        return opening + [message for pair in pairs for message in pair]


def prefix(role: str) -> str:
    """What ChatML writes before a message's content."""
    return f"{START}{role}\n"
