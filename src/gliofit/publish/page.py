"""HTML pages that stand alone: one look, no requests, and every text escaped as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from gliofit.io import atomic_path
from gliofit.publish.numbers import read_quantity

__all__ = ["Cell", "Page", "Shown"]

_ASSETS = Path(__file__).resolve().parent / "assets"

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; margin: 0; color: #1f2328;
  background: #fff; }
main { margin: 0 auto; padding: 1em 1em 3em; max-width: 1180px; }
h1 { margin: 0.4em 0 0.2em; font-size: 1.9em; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.2em 0 0.5em; padding-bottom: 0.2em; font-size: 1.35em; border-bottom: 1px solid #d0d7de; }
h3 { margin: 1.6em 0 0.3em; font-size: 1.08em; }
p, ul, dl { max-width: 62em; }
ul { padding-left: 1.3em; }
li { margin: 0.15em 0; }
a { color: #0550ae; }
img { max-width: 100%; }
.lead { font-size: 1.08em; }
.symbols { max-width: none; columns: 2; column-gap: 2.5em; }
.symbols dt { break-after: avoid; }
.symbols dd { break-inside: avoid; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.25em 1.2em; }
.facts dd { margin: 0; }
.scroll { overflow-x: auto; }
.scroll > img, .scroll > a > img { display: block; width: 100%; min-width: 56em; max-width: none; height: auto; }
figure { margin: 1em 0 1.6em; }
figure .scroll { border: 1px solid #e3e6ea; }
figcaption { margin-top: 0.4em; max-width: 62em; font-size: 0.93em; color: #444c56; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22em), 1fr)); gap: 1.2em; }
.gallery figure { margin: 0; }
.gallery img { display: block; width: 100%; height: auto; border: 1px solid #e3e6ea; }
.small.gallery { grid-template-columns: repeat(auto-fill, minmax(min(100%, 11em), 1fr)); }
table { border-collapse: collapse; margin: 0.6em 0 1em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3em 0.7em; text-align: right; white-space: nowrap; vertical-align: top; }
thead th { border-bottom: 2px solid #444; white-space: normal; vertical-align: bottom; line-height: 1.3; }
tbody th, tbody td { border-top: 1px solid #d8dee4; font-weight: normal; }
tbody tr.more > * { border-top: none; padding-top: 0; }
.text { text-align: left; }
tbody .text { white-space: normal; min-width: 8.6em; max-width: 26em; overflow-wrap: break-word; }
tbody th.text { min-width: 10em; }
.scroll th:first-child { position: sticky; left: 0; background: #fff; }
.faint { color: #656d76; }
th img, td img { display: block; max-width: none; }
small { display: block; font-size: 12.5px; color: #57606a; }
tr.first th { font-weight: bold; }
tr.first, .scroll tr.first th:first-child { background: #f2f6fa; }
thead button { all: unset; cursor: pointer; display: inline; }
thead button:focus-visible { outline: 2px solid #0550ae; outline-offset: 2px; }
thead button::after { content: "\\00a0↕"; color: #8c959f; font-weight: normal; }
thead [aria-sort="ascending"] button::after { content: "\\00a0▲"; color: #0550ae; }
thead [aria-sort="descending"] button::after { content: "\\00a0▼"; color: #0550ae; }
.warnings, .quiet { padding: 0.3em 1em; max-width: 62em; }
.warnings { border-left: 4px solid #D55E00; background: #fdf3ec; }
.quiet { border-left: 4px solid #009E73; background: #eef7f3; }
summary { cursor: pointer; color: #0550ae; }
details { margin: 0.4em 0; }
dt { font-weight: bold; }
dd { margin: 0 0 0.5em; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; z-index: 2; overflow-x: auto; white-space: nowrap; background: #f6f8fa;
  border-bottom: 1px solid #d0d7de; padding: 0.5em 1em; font-size: 0.93em; }
nav a { margin-right: 1.1em; text-decoration: none; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
nav ~ main h2 { scroll-margin-top: 3em; }
@media (min-width: 1120px) {
  body:has(> nav) { display: grid; grid-template-columns: 13.5em minmax(0, 1fr); }
  nav { height: 100vh; box-sizing: border-box; overflow: auto; white-space: normal; border-bottom: none;
    border-right: 1px solid #d0d7de; padding: 1.4em 1em; }
  nav a { display: block; margin: 0 0 0.55em; }
  nav ~ main h2 { scroll-margin-top: 0.5em; }
  body > main { width: 100%; box-sizing: border-box; padding: 1em 2em 3em; }
}
@media (max-width: 700px) {
  table { font-size: 13px; }
  th, td { padding: 0.3em 0.5em; }
  tbody th.text { min-width: 7.4em; max-width: 11em; }
  tbody td.text { min-width: 4.4em; }
  .symbols { columns: 1; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 0.5em; }
}
@media print {
  nav { display: none; }
  body, body:has(> nav) { display: block; font-size: 10pt; }
  main { max-width: none; padding: 0; }
  figure, tr, li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; }
  .scroll > img, .scroll > a > img { min-width: 0; max-height: 24cm; object-fit: contain; }
  table { font-size: 7pt; }
  th, td { padding: 0.15em 0.3em; white-space: normal; }
  thead button::after { content: "" !important; }
}
"""


@dataclass(frozen=True)
class Shown:
    """A picture to show.

    Parameters
    ----------
    data
        The picture as a ``data:`` address.
    text
        What it shows, for those who do not see it.
    size
        Width and height in its own pixels.
    caption
        Text below it.
    link
        File beside the page that the picture leads to.
    """

    data: str
    text: str
    size: tuple[int, int]
    caption: str = ""
    link: str = ""


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
    emphasis
        Whether it is the best or the second best of its column.
    faint
        Whether it is set back, as what others found.
    picture
        Small picture above the text.
    """

    text: str
    below: str = ""
    words: bool = False
    link: str = ""
    emphasis: Literal["best", "second"] | None = None
    faint: bool = False
    picture: Shown | None = None


class Page:
    """A page under construction; every method adds to its end. Texts are plain text, never markup.

    Parameters
    ----------
    title
        What the browser's window is called.
    contents
        Whether links to all headings of level 2 stay in reach beside the text, or above it on narrow screens.
    """

    def __init__(self, title: str, contents: bool = False) -> None:
        self._root = Element("html", lang="en")
        head = SubElement(self._root, "head")
        SubElement(head, "meta", charset="utf-8")
        SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
        SubElement(head, "title").text = title
        SubElement(head, "style").text = _STYLE
        self._head = head
        self._frame = SubElement(self._root, "body")
        self._contents = SubElement(self._frame, "nav", {"aria-label": "Contents"}) if contents else None
        self._body = SubElement(self._frame, "main")
        self._scripts: list[str] = []
        if contents:
            self.script("page.js")

    def heading(self, text: str, level: int = 2) -> None:
        """A heading; level 1 is the page's own, level 2 stands in the contents."""
        heading = SubElement(self._body, f"h{level}")
        heading.text = text
        if self._contents is not None and level == 2:
            name = "-".join(re.findall(r"\w+", text.lower()))
            heading.set("id", name)
            SubElement(self._contents, "a", href=f"#{name}").text = text

    def paragraph(self, text: str, kind: str = "") -> None:
        """A paragraph; ``kind`` names its style."""
        SubElement(self._body, "p", {"class": kind} if kind else {}).text = text

    def links(self, lead: str, links: Iterable[tuple[str, str]]) -> None:
        """A paragraph of links, each a text and what it leads to, behind an introduction."""
        paragraph = SubElement(self._body, "p")
        paragraph.text = f"{lead} "
        last = None
        for text, target in links:
            if last is not None:
                last.tail = ", "
            last = SubElement(paragraph, "a", href=target)
            last.text = text

    def items(self, texts: Iterable[str], kind: str = "", folded: str = "") -> None:
        """A list; ``kind`` names the style of the box around it, ``folded`` the line that hides it until opened."""
        parent = self._folded(folded)
        if kind:
            parent = SubElement(parent, "div", {"class": kind})
        group = SubElement(parent, "ul")
        for text in texts:
            SubElement(group, "li").text = text

    def terms(self, pairs: Iterable[tuple[str, str]], kind: str = "") -> None:
        """A list of terms with what they mean; ``kind`` names its style."""
        group = SubElement(self._body, "dl", {"class": kind} if kind else {})
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

    def figure(self, shown: Shown) -> None:
        """A wide picture with its caption."""
        figure = SubElement(self._body, "figure")
        frame = self._scroll(figure)
        drawn = self._draw(SubElement(frame, "a", href=shown.link) if shown.link else frame, shown)
        # As small on narrow screens as can be read, and never larger than it is.
        drawn.set("style", f"min-width: min(56em, {0.55 * shown.size[0]:.0f}px); max-width: {shown.size[0]}px")
        SubElement(figure, "figcaption").text = shown.caption

    def gallery(self, pictures: Iterable[Shown], kind: str = "") -> None:
        """Pictures beside each other, as many as there is room for, each with its caption."""
        group = SubElement(self._body, "div", {"class": f"{kind} gallery".strip()})
        for shown in pictures:
            figure = SubElement(group, "figure")
            place = SubElement(figure, "a", href=shown.link) if shown.link else figure
            self._draw(place, shown)
            SubElement(figure, "figcaption").text = shown.caption

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        first_row: bool = False,
        folded: str = "",
        sortable: bool = False,
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
        sortable
            Whether a click on a heading sorts the rows by that column. A row whose first cell is empty goes on with the
            one above, and stays with it.
        """
        table = SubElement(self._scroll(self._folded(folded)), "table", {"class": "sortable"} if sortable else {})
        if sortable:
            self.script("page.js")
        line = SubElement(SubElement(table, "thead"), "tr")
        words = [True, *(cell.words for cell in rows[0][1:])] if rows else [True] * len(headings)
        for text, wide in zip(headings, words, strict=True):
            SubElement(line, "th", {"scope": "col"} | ({"class": "text"} if wide else {})).text = text
        body = SubElement(table, "tbody")
        for number, cells in enumerate(rows):
            more = sortable and not cells[0].text
            kind = "first" if first_row and number == 0 else "more" if more else ""
            line = SubElement(body, "tr", {"class": kind} if kind else {})
            for column, cell in enumerate(cells):
                self._cell(line, cell, column == 0, sortable)

    def _cell(self, line: Element, cell: Cell, names_row: bool, sortable: bool) -> None:
        kinds = [*(["text"] if cell.words or names_row else []), *(["faint"] if cell.faint else [])]
        attributes = {"class": " ".join(kinds)} if kinds else {}
        value = None if cell.words or names_row or not sortable else read_quantity(cell.text)
        if value is not None:
            attributes["data-value"] = f"{value:.9g}"
        if names_row:
            attributes["scope"] = "row"
        entry = SubElement(line, "th" if names_row else "td", attributes)
        place = SubElement(entry, "a", href=cell.link) if cell.link else entry
        if cell.picture is not None:
            self._draw(place, cell.picture).tail = cell.text
        elif cell.emphasis is not None:
            SubElement(place, "b" if cell.emphasis == "best" else "u").text = cell.text
        else:
            place.text = cell.text
        if cell.below:
            SubElement(entry, "small").text = cell.below

    def script(self, name: str) -> None:
        """A script of the folder ``assets``, at the end of the page; once, however often it is asked for."""
        if name not in self._scripts:
            self._scripts.append(name)

    def text(self) -> str:
        """The whole page; nothing can be added to it afterwards."""
        for name in self._scripts:
            SubElement(self._frame, "script").text = (_ASSETS / name).read_text(encoding="utf-8")
        return f"<!doctype html>\n{tostring(self._root, encoding='unicode', method='html')}\n"

    def write(self, path: str | Path) -> None:
        """Write the page."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.text(), encoding="utf-8")

    def _folded(self, line: str) -> Element:
        """Where to add to: the page itself, or a part that shows this line alone until it is opened."""
        return self.folded(line) if line else self._body

    @staticmethod
    def _draw(parent: Element, shown: Shown) -> Element:
        width, height = (str(length) for length in shown.size)
        return SubElement(parent, "img", src=shown.data, alt=shown.text, width=width, height=height)

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
