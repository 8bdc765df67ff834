"""`python -m tests.inference.fuzz.run --minutes N`: the fuzz test, with ever new requests."""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from inference.types.events import Failed
from inference.types.requests import GenerationRequest
from tests.inference.fuzz.requests import requests
from tests.inference.fuzz.target import Target
from tests.support.gguf import write_random_gguf

ROUND = 500


def main() -> int:
    """Report how the requests ended; a failure leaves hypothesis' smallest example behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    endings: collections.Counter[str] = collections.Counter()
    until = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as directory:
        target = Target(write_random_gguf(Path(directory) / "random.gguf"))
        start = arguments.seed
        while time.monotonic() < until:
            print(f"seed {start}: {dict(endings.most_common(6))}", flush=True)
            _attack(target, start, endings)
            start += 1
        target.close()
    print(f"{endings.total()} requests survived: {dict(endings)}")
    return 0


def _attack(target: Target, start: int, endings: collections.Counter[str]) -> None:
    @seed(start)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests())
    def survive(request: GenerationRequest) -> None:
        end = target.attack(request)
        endings[end.code if isinstance(end, Failed) else end.finish_reason] += 1

    survive()


if __name__ == "__main__":
    sys.exit(main())
