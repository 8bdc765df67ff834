"""`healthcheck.py URL`: exits with 0 when URL answers with 200. For images that have no curl."""

from __future__ import annotations

import sys
import urllib.request

TIMEOUT_SECONDS = 4


def main() -> int:
    """0 when healthy."""
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
