"""What content rules cost a chunk: `python -m bench.content [RULES]`, milliseconds by the number of rules."""

from __future__ import annotations

import random
import statistics
import sys
import time

from inference.content import Rule, StreamFilter, compile_rules

CHUNK_CHARS = 24
CHUNKS = 2000


def measure(count: int) -> tuple[float, float]:
    """Median and 99th percentile per chunk with `count` rules of ten words each, and as many patterns."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnop", k=dice.randint(4, 9))) for _ in range(count * 10)]
    rules = [Rule(f"w{n}", "words", "\n".join(words[n * 10 : n * 10 + 10]), "block") for n in range(count)]
    rules += [Rule(f"r{n}", "regex", rf"{words[n]}-\d{{2,4}}[a-f]{{1,8}}", "mask") for n in range(count)]
    filtering = StreamFilter(compile_rules(tuple(rules)))
    text = " ".join("".join(dice.choices("qrstuvwxyz", k=5)) for _ in range(CHUNK_CHARS * CHUNKS // 6))
    took: list[float] = []
    for at in range(0, len(text), CHUNK_CHARS):
        begin = time.perf_counter()
        filtering.push(text[at : at + CHUNK_CHARS])
        took.append((time.perf_counter() - begin) * 1000)
    took.sort()
    return statistics.median(took), took[len(took) * 99 // 100]


def main() -> None:
    """Print a line for each number of rules."""
    for count in [int(each) for each in sys.argv[1:]] or [1, 10, 100]:
        median, slow = measure(count)
        print(f"{2 * count:5} rules: median {median:.3f} ms, 99 % within {slow:.3f} ms a chunk")


if __name__ == "__main__":
    main()
