"""Records of finished runs, the reproduction page, pictures and notebooks of the documentation."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.io import atomic_path
from gliofit.core.yaml_file import read_yaml
from tools.reproduce.front import front_text
from tools.reproduce.notebook import execute_notebook
from tools.reproduce.page import PICTURES, page_text
from tools.reproduce.record import record_run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.reproduce", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="write a record of each finished run")
    record.add_argument("results", type=Path, nargs="+", help="folders of runs, results/{run}")
    record.add_argument("--out", type=Path, default=Path("docs/reproduction"), help="folder of records")
    page = commands.add_parser("page", help="write the page from the records")
    page.add_argument("--records", type=Path, default=Path("docs/reproduction"), help="folder of records")
    page.add_argument("--out", type=Path, default=Path("docs/reproduction.md"), help="the page")
    page.add_argument("--readme", type=Path, help="README whose tables are updated")
    pictures = commands.add_parser("pictures", help="copy pictures of runs into the documentation")
    pictures.add_argument("--root", type=Path, default=Path(), help="folder that holds results")
    pictures.add_argument("--out", type=Path, default=Path("docs/images"), help="folder of pictures")
    notebook = commands.add_parser("notebook", help="execute a notebook in place, and save its output")
    notebook.add_argument("path", type=Path, help="the notebook")
    return parser


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(path)


def _record(results: Sequence[Path], out: Path) -> None:
    """Write a record of each run, with lists of numbers on one line."""
    for folder in results:
        text = json.dumps(record_run(folder.resolve()), indent=1, sort_keys=True)
        short = re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
        _write(out / f"{folder.resolve().name}.json", short + "\n")


def _copy_pictures(root: Path, out: Path) -> None:
    for name, picture in read_yaml(PICTURES)["pictures"].items():
        source = root / picture["source"]
        if source.is_file():
            shutil.copyfile(source, out / name)
            print(out / name)
        else:
            print(f"{out / name}: unchanged, there is no {source}; {picture['command']} makes it")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "record":
            _record(options.results, options.out)
        elif options.command == "page":
            _write(options.out, page_text(options.records))
            if options.readme is not None:
                _write(options.readme, front_text(options.readme.read_text(encoding="utf-8"), options.records))
        elif options.command == "pictures":
            _copy_pictures(options.root, options.out)
        else:
            import nbformat

            _write(options.path, nbformat.writes(execute_notebook(options.path)) + "\n")
    except InputError as error:
        print(f"gliofit: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
