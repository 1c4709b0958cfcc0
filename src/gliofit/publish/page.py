"""HTML pages that stand alone: one look, no requests, and every text escaped as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from gliofit.io import atomic_path

__all__ = ["Cell", "Page"]

_STYLE = """
body { font: 14px/1.45 sans-serif; margin: 1.5em auto; padding: 0 1em; max-width: 1180px; color: #222; }
h1 { margin-bottom: 0.2em; overflow-wrap: anywhere; }
h2 { margin: 1.6em 0 0.4em; font-size: 1.25em; }
p, ul, dl { max-width: 62em; }
.scroll { overflow-x: auto; }
.scroll img { display: block; width: 100%; min-width: 56em; height: auto; }
table { border-collapse: collapse; margin: 0.6em 0 1em; }
th, td { padding: 0.3em 0.7em; text-align: right; white-space: nowrap; vertical-align: top; }
thead th { border-bottom: 2px solid #444; white-space: normal; vertical-align: bottom; }
tbody th, tbody td { border-top: 1px solid #ccc; font-weight: normal; }
.text { text-align: left; }
tbody .text { white-space: normal; min-width: 7em; max-width: 26em; overflow-wrap: anywhere; }
small { display: block; font-size: 12px; color: #555; }
tr.first th { font-weight: bold; }
tr.first { background: #f2f6fa; }
.warnings { border-left: 4px solid #D55E00; background: #fdf3ec; padding: 0.1em 1em; }
.quiet { border-left: 4px solid #009E73; background: #eef7f3; padding: 0.1em 1em; }
summary { cursor: pointer; }
dt { font-weight: bold; }
dd { margin: 0 0 0.5em; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Cell:
    """Text of a table's cell.

    Parameters
    ----------
    text
        What it says.
    below
        Smaller text under it.
    words
        Whether it holds words, which are set to the left and may wrap, and no number.
    link
        File beside the page that the text leads to.
    """

    text: str
    below: str = ""
    words: bool = False
    link: str = ""


class Page:
    """A page under construction; every method adds to its end. Texts are plain text, never markup."""

    def __init__(self, title: str) -> None:
        self._root = Element("html", lang="en")
        head = SubElement(self._root, "head")
        SubElement(head, "meta", charset="utf-8")
        SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
        SubElement(head, "title").text = title
        SubElement(head, "style").text = _STYLE
        self._head = head
        self._body = SubElement(self._root, "body")

    def heading(self, text: str, level: int = 2) -> None:
        """A heading; level 1 is the page's own."""
        SubElement(self._body, f"h{level}").text = text

    def paragraph(self, text: str) -> None:
        """A paragraph."""
        SubElement(self._body, "p").text = text

    def items(self, texts: Iterable[str], kind: str = "") -> None:
        """A list; ``kind`` names the style of the box around it."""
        parent = SubElement(self._body, "div", {"class": kind}) if kind else self._body
        group = SubElement(parent, "ul")
        for text in texts:
            SubElement(group, "li").text = text

    def terms(self, pairs: Iterable[tuple[str, str]]) -> None:
        """A list of terms with what they mean."""
        group = SubElement(self._body, "dl")
        for term, meaning in pairs:
            SubElement(group, "dt").text = term
            SubElement(group, "dd").text = meaning

    def element(self, tag: str, attributes: dict[str, str], text: str = "", parent: Element | None = None) -> Element:
        """An element of any kind, at the end of the page or of another element."""
        found = SubElement(self._body if parent is None else parent, tag, attributes)
        found.text = text
        return found

    def folded(self, title: str) -> Element:
        """A part that only its title shows of until the reader opens it."""
        part = SubElement(self._body, "details")
        SubElement(part, "summary").text = title
        return part

    def style(self, text: str) -> None:
        """More rules for how the page looks."""
        self._raw(SubElement(self._head, "style"), text)

    def data(self, name: str, kind: str, text: str) -> None:
        """A program or what one reads, of a media type, which does not show; written as it is."""
        self._raw(SubElement(self._body, "script", {"id": name, "type": kind}), text)

    def image(self, data: str, text: str) -> None:
        """A picture, given as a ``data:`` address, with the text for those who do not see it."""
        SubElement(self._scroll(self._body), "img", src=data, alt=text)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[Cell]], first_row: bool = False, folded: str = ""
    ) -> None:
        """A table whose first cells name the rows.

        Parameters
        ----------
        headings, rows
            What the table says.
        first_row
            Whether the first row is set off from the others.
        folded
            Line to be seen in place of the table until the reader opens it.
        """
        parent = self._body
        if folded:
            parent = SubElement(self._body, "details")
            SubElement(parent, "summary").text = folded
        table = SubElement(self._scroll(parent), "table")
        line = SubElement(SubElement(table, "thead"), "tr")
        words = [True, *(cell.words for cell in rows[0][1:])] if rows else [True] * len(headings)
        for text, wide in zip(headings, words, strict=True):
            SubElement(line, "th", {"scope": "col"} | ({"class": "text"} if wide else {})).text = text
        body = SubElement(table, "tbody")
        for number, cells in enumerate(rows):
            line = SubElement(body, "tr", {"class": "first"} if first_row and number == 0 else {})
            for column, cell in enumerate(cells):
                kind = {"class": "text"} if cell.words or column == 0 else {}
                entry = SubElement(line, "td", kind) if column else SubElement(line, "th", kind | {"scope": "row"})
                if cell.link:
                    entry = SubElement(entry, "a", href=cell.link)
                entry.text = cell.text
                if cell.below:
                    SubElement(entry, "small").text = cell.below

    def write(self, path: str | Path) -> None:
        """Write the page."""
        text = tostring(self._root, encoding="unicode", method="html")
        with atomic_path(path) as temporary:
            temporary.write_text(f"<!doctype html>\n{text}\n", encoding="utf-8")

    @staticmethod
    def _raw(element: Element, text: str) -> None:
        """Set text that browsers do not unescape; raises ValueError where it would end its own element."""
        if "</" in text:
            raise ValueError(f"'</' in a {element.tag}")
        element.text = text

    @staticmethod
    def _scroll(parent: Element) -> Element:
        """A container that scrolls by itself where its content is wider than the screen, with the keyboard as well."""
        return SubElement(parent, "div", {"class": "scroll", "tabindex": "0"})
