"""Links of notebooks to other documents lead to their pages; in the Markdown pages MkDocs does that by itself."""

from __future__ import annotations

import re
from typing import Any

#: A link to a document of this site, with its anchor if it has one.
_LINK = re.compile(r'(href="[^":]+)\.md((?:#[^"]*)?")')


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Name pages in place of documents."""
    return _LINK.sub(r"\1.html\2", output) if page.file.src_uri.endswith(".ipynb") else output
