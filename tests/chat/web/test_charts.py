"""What charts draw."""

from __future__ import annotations

from chat.web.charts import HEIGHT, WIDTH, bar_chart, line_chart


def test_stacks_stand_on_each_other_and_the_highest_fills_the_chart() -> None:
    chart = bar_chart("t", "", ["a", "b"], {"x": [3, 1], "y": [1, 0]})
    assert chart.top == 4
    first, second, third = chart.bars
    assert (first.y, first.height) == (HEIGHT / 4, HEIGHT * 3 / 4)
    assert (second.y, second.height) == (0, HEIGHT / 4)
    assert (third.y, third.height) == (HEIGHT * 3 / 4, HEIGHT / 4)
    assert first.x < WIDTH / 2 < third.x
    assert second.label == "a: 1 y"


def test_lines_break_where_nothing_was_measured_and_a_lonely_point_is_seen() -> None:
    chart = line_chart("t", "s", ["a", "b", "c", "d"], {"x": [2, 1, None, 2]})
    whole, lonely = (line.points.split() for line in chart.lines)
    assert whole == ["80.0,0.0", "240.0,80.0"]
    assert lonely == ["560.0,0.0", "600.0,0.0"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert bar_chart("t", "", [], {"x": []}).bars == []
    assert line_chart("t", "", ["a"], {"x": [None]}).lines == []
