"""Equations as pictures within the page, made when the site is built: nothing is fetched to show them.

Blocks of ``math`` and text between dollar signs hold TeX, which code hosts typeset themselves. Here matplotlib does,
and its outlines become SVG in the colour and size of the text around.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any

_BLOCK = re.compile(r"^```math\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MADE = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)

# Text of a notebook, and an equation in it: on a line of its own, or within the line.
_PARAGRAPH = re.compile(r"<(p|li|td)\b[^>]*>(?:(?!<pre).)*?</\1>", re.DOTALL)
_DOLLARS = re.compile(r"\$\$([^$]+)\$\$|\$([^\s$](?:[^$<]*[^\s$])?)\$")

# Units per em that matplotlib gives outlines of math in.
_EM = 100.0

# What the equations use and matplotlib writes otherwise.
_SYNONYMS = {r"\lVert": r"\Vert", r"\rVert": r"\Vert", r"\lvert": r"\vert", r"\rvert": r"\vert", r"\le ": r"\leq "}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn blocks of math into what the Markdown extension for equations knows."""
    return _BLOCK.sub(lambda block: f"$$\n{block.group(1).strip()}\n$$", markdown)


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Typeset every equation of a page; notebooks come with their dollar signs as they are."""
    if page.file.src_uri.endswith(".ipynb"):
        content = _PARAGRAPH.sub(lambda found: _DOLLARS.sub(_marked, found[0]), content)

    def typeset(made: re.Match[str]) -> str:
        tag, _, tex = made.groups()
        return f'<{tag} class="arithmatex">{_picture(html.unescape(tex), tag == "div")}</{tag}>'

    return _MADE.sub(typeset, content)


def _marked(found: re.Match[str]) -> str:
    """An equation of a notebook as the Markdown extension would have it."""
    return (
        rf'<div class="arithmatex">\[{found[1]}\]</div>'
        if found[1]
        else rf'<span class="arithmatex">\({found[2]}\)</span>'
    )


@functools.cache
def _picture(tex: str, display: bool) -> str:
    """An equation as SVG whose sizes are in ems of the text around it; larger, with full fractions, on its own line."""
    import matplotlib
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser
    from matplotlib.path import Path
    from matplotlib.textpath import TextToPath

    tex = " ".join(tex.split())
    shown = tex.replace(r"\frac", r"\dfrac") if display else tex
    em = _EM / (1.1 if display else 1.0)
    for name, other in _SYNONYMS.items():
        shown = shown.replace(name, other)
    with matplotlib.rc_context({"mathtext.fontset": "stix"}):
        font = FontProperties(size=_EM)
        width, height, depth, *_ = MathTextParser("path").parse(f"${shown}$", dpi=72, prop=font)
        vertices, codes = TextToPath().get_text_path(font, f"${shown}$", ismath=True)
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    outline = ""
    for points, code in Path(vertices, codes).iter_segments(curves=True, simplify=False):
        outline += letters[code]
        if code != Path.CLOSEPOLY:
            # The page's vertical axis points down.
            outline += " ".join(f"{x:.0f} {-y:.0f}" for x, y in points.reshape(-1, 2))
    box = f"0 {-(height - depth):.0f} {width:.0f} {height:.0f}"
    size = f"width:{width / em:.3f}em;height:{height / em:.3f}em;vertical-align:{-depth / em:.3f}em"
    return (
        f'<svg class="equation" role="img" aria-label="{html.escape(tex)}" viewBox="{box}" style="{size}">'
        f'<path d="{outline}"/></svg>'
    )
