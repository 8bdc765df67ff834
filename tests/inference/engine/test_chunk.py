"""The size of a step follows its measured time."""

from __future__ import annotations

import pytest

from inference.engine.chunk import FIRST_CHUNK, SMALLEST_CHUNK, Chunk, whole_tiles


@pytest.mark.parametrize(
    ("elapsed", "rows"), [(50.0, 128), (250.0, 51), (400.0, 48), (100.0, 128), (0.0, 128), (1e9, 48)]
)
def test_the_chunk_follows_the_time_in_bounded_steps(elapsed: float, rows: int) -> None:
    chunk = Chunk(200, most=512, tile=64)
    chunk.observe(FIRST_CHUNK, elapsed)
    assert chunk.rows == rows


def test_it_stays_between_what_makes_progress_and_a_whole_batch() -> None:
    chunk = Chunk(200, most=512, tile=1)
    for _ in range(9):
        chunk.observe(chunk.rows, 1.0)
    assert chunk.rows == 512
    for _ in range(20):
        chunk.observe(chunk.rows, 10_000.0)
    assert chunk.rows == SMALLEST_CHUNK


def test_a_step_that_left_room_teaches_only_that_it_was_too_slow() -> None:
    chunk = Chunk(200, most=512, tile=1)
    chunk.observe(FIRST_CHUNK - 1, 10.0)
    chunk.observe(0, 1000.0)
    assert chunk.rows == FIRST_CHUNK
    chunk.observe(FIRST_CHUNK - 1, 210.0)
    assert chunk.rows < FIRST_CHUNK


@pytest.mark.parametrize(
    ("rows", "alone", "beside"),
    [(16, 16, 16), (31, 31, 31), (32, 64, 65), (64, 64, 65), (65, 64, 65), (128, 128, 65), (200, 192, 193)],
)
def test_rows_come_in_whole_tiles(rows: int, alone: int, beside: int) -> None:
    assert whole_tiles(rows, 64, beside=False) == alone
    assert whole_tiles(rows, 64, beside=True) == beside
    assert whole_tiles(rows, 1, beside=True) == rows
