"""The operator's page names what the settings read."""

from __future__ import annotations

import re

from tests.support.stack import ROOT

READ = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')
SOURCES = ("chatproject/settings.py", "chatproject/local/prepare.py", "chat/management/commands/up.py")


def test_every_variable_that_is_read_is_in_the_operators_table_and_no_other() -> None:
    read = {name for source in SOURCES for name in READ.findall((ROOT / source).read_text())}
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("## Environment")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read
    assert {"HOST", "DEBUG", "DJANGO_SUPERUSER_PASSWORD"} <= read


def test_each_decision_has_a_number_of_its_own() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:3] for name in names] == [f"{number:03}" for number in range(1, len(names) + 1)]
