"""What growth workloads measured becomes tables and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.engine import report
from bench.engine.growth import growth_tables, lines_of
from bench.engine.plots import draw_plots

SAMPLES = {
    "parley": {"tok/s at 2": [9.0, 7.0, 8.0], "tok/s at 1": [5.0]},
    "llama-server": {"tok/s at 1": [4.0]},
}


def test_points_of_a_figure_are_a_line_of_medians() -> None:
    lines = lines_of({"parley": SAMPLES["parley"] | {"tok/s": [1.0]}})
    assert lines == {"tok/s": {"parley": {1: 5.0, 2: 8.0}}}


def test_a_table_has_every_point_of_anybody() -> None:
    table = growth_tables({"growth-streams": SAMPLES, "decode-1": {"parley": {"tok/s": [1.0]}}})
    assert table.splitlines() == [
        "| growth-streams | who | 1 | 2 |",
        "| --- | --- | --- | --- |",
        "| tok/s | parley | 5 | 8 |",
        "| tok/s | llama-server | 4 |  |",
    ]


def test_pictures_and_tables_are_put_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "engine.md"
    page.write_text(
        "a\n<!-- table -->\nold\n<!-- end of table -->\nb\n<!-- pictures -->\n<!-- end of pictures -->\nc\n"
    )
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "DOCS", tmp_path)
    pictures = draw_plots({"growth-streams": SAMPLES, "growth-history": {}}, tmp_path)
    assert [picture.name for picture in pictures] == ["growth-streams.svg"]
    assert "<svg" in pictures[0].read_text()
    report.write_page(table="new\n", pictures=report.gallery(pictures))
    assert page.read_text() == (
        "a\n<!-- table -->\nnew\n<!-- end of table -->\nb\n"
        "<!-- pictures -->\n![growth-streams](growth-streams.svg)\n<!-- end of pictures -->\nc\n"
    )
