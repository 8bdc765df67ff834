"""A session as a PDF: text in DejaVu Sans, which knows the alphabets of Europe and the Near East and symbols.

For other scripts the operator names a font (`PDF_FONT`); what neither knows is a box.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from chat.realtime.protocol.views import MessageView

FONT = Path(__file__).resolve().parents[1] / "fonts" / "DejaVuSans.ttf"
TITLE_POINTS, NAME_POINTS, TEXT_POINTS = 16, 9, 10
GREY = 110


class Page(FPDF):
    """A4 with page numbers."""

    def footer(self) -> None:
        """At the bottom of every page."""
        self.set_y(-12)
        self.set_font_size(8)
        self.set_text_color(GREY)
        self.cell(0, 8, f"{self.page_no()} / {{nb}}", align="C")


def render_pdf(*, title: str, subtitle: str, messages: list[tuple[str, MessageView]]) -> bytes:
    """A document of messages, each with the name of its speaker."""
    page = Page()
    page.set_title(title)
    page.set_creator("Parley")
    page.add_font("text", fname=FONT)
    page.set_font("text")
    if settings.PDF_FONT:
        page.add_font("more", fname=settings.PDF_FONT)
        page.set_fallback_fonts(["more"])
    page.set_auto_page_break(True, margin=15)
    page.add_page()
    _write(page, title, size=TITLE_POINTS)
    _write(page, subtitle, size=NAME_POINTS, grey=GREY)
    for speaker, view in messages:
        page.ln(4)
        _write(page, f"{speaker}  ·  {view.created_at}", size=NAME_POINTS, grey=GREY)
        _write(page, view.content or f"({view.status})", size=TEXT_POINTS)
    return bytes(page.output())


def _write(page: FPDF, text: str, *, size: int, grey: int = 0) -> None:
    page.set_font_size(size)
    page.set_text_color(grey)
    page.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
