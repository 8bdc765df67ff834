"""What axe-core, from npm, finds wrong with a page."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

from tests.support.stack import ROOT

SCRIPT = ROOT / "chat" / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document)).violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`)
)"""


def violations(page: Page | Frame) -> list[str]:
    """Each with its rule, its place and what to do."""
    page.evaluate(SCRIPT.read_text())
    found: list[str] = page.evaluate(RUN)
    return found
