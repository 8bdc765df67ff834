"""Collections leave out what was loaded at the start."""

from __future__ import annotations

import gc

from chatproject.memory import keep_loaded


def test_what_exists_is_left_out_of_collections() -> None:
    before = gc.get_freeze_count()
    try:
        keep_loaded()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
