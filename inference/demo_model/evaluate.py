"""Judge the exported model on held-out prompts. Run `python -m inference.demo_model.evaluate`."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from llama_cpp import Llama

from inference.demo_model.cases import Case, Row, rows

HERE = Path(__file__).parent
MODEL = HERE / "parley-demo.gguf"
RESULTS = HERE / "evaluation.json"
MAX_TOKENS = 700
SMALL_TALK = 150
SPEED_TARGET = 300


def chat(model: Llama, messages: list[dict[str, str]], *, limit: int) -> tuple[str, bool]:
    """The most likely reply, and whether the model ended it by itself."""
    choice = model.create_chat_completion(messages, temperature=0, max_tokens=limit)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"] == "stop"


def converse(model: Llama, case: Case) -> tuple[str, bool]:
    """Say the case's prompts in turn, with the model's own replies between them; returns the last reply."""
    messages = [{"role": "system", "content": case.system}] if case.system else []
    for prompt in case.before:
        messages.append({"role": "user", "content": prompt})
        reply, _ = chat(model, messages, limit=SMALL_TALK)
        messages.append({"role": "assistant", "content": reply})
    messages.append({"role": "user", "content": case.turn.user})
    return chat(model, messages, limit=MAX_TOKENS)


def judge(row: Row, say: Callable[[Case], tuple[str, bool]]) -> dict[str, Any]:
    """The row's score and its first few failures."""
    failures = []
    for case in row.cases:
        reply, ended = say(case)
        if not (ended and row.judge(reply, case.turn)):
            failures.append({"prompt": case.turn.user, "wanted": case.turn.answer[:80], "reply": reply[:160]})
    score = 1 - len(failures) / len(row.cases)
    return {
        "name": row.name,
        "prompts": len(row.cases),
        "score": round(score, 4),
        "target": row.target,
        "met": score >= row.target,
        "failures": failures[:5],
    }


def speed(model: Llama, *, runs: int = 5) -> float:
    """Tokens per second of one long reply, the median of some runs, prompt processing included."""
    rates = []
    for _ in range(runs):
        model.reset()
        started = time.perf_counter()
        answer = model.create_chat_completion(
            [{"role": "user", "content": "Tell me a long story"}], temperature=0, max_tokens=MAX_TOKENS
        )
        rates.append(answer["usage"]["completion_tokens"] / (time.perf_counter() - started))
    return round(statistics.median(rates))


def table(scores: list[dict[str, Any]], tokens_per_second: float) -> str:
    """The results in Markdown, as the README shows them."""
    lines = ["| held-out prompts | n | target | result |", "| --- | ---: | ---: | ---: |"]
    for row in scores:
        mark = "" if row["met"] else " (missed)"
        lines.append(f"| {row['name']} | {row['prompts']} | {row['target']:.0%} | {row['score']:.1%}{mark} |")
    lines.append(f"| tokens per second, one stream | | {SPEED_TARGET} | {tokens_per_second:.0f} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table, write the figures as JSON; non-zero when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--threads", type=int, default=1, help="so small a model is fastest on one")
    chosen = parser.parse_args()
    threads = {"n_threads": chosen.threads, "n_threads_batch": chosen.threads}
    model = Llama(str(chosen.model), n_ctx=4096, **threads, verbose=False)
    tokens_per_second = speed(model)
    say = cache(partial(converse, model))
    scores = []
    for row in rows():
        scores.append(judge(row, say))
        sys.stderr.write(f"{row.name}: {scores[-1]['score']:.1%}\n")
    results = {"model": chosen.model.name, "tokens_per_second": tokens_per_second, "rows": scores}
    chosen.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(table(scores, tokens_per_second) + "\n")
    return 0 if all(row["met"] for row in scores) and tokens_per_second >= SPEED_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
