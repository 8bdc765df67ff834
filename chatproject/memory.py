"""What is loaded once lives as long as the process."""

from __future__ import annotations

import gc


def keep_loaded() -> None:
    """Leave everything that exists now out of later garbage collections.

    Among all of Django a full one pauses the process for more than 0.1 s, every few seconds under load.
    """
    gc.collect()
    gc.freeze()
