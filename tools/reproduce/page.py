"""The page ``docs/reproduction.md``, with tables from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import yaml

from gliofit.core.yaml_file import read_yaml
from gliofit.paper import TEST_MSE
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING, format_quantity
from gliofit.report.render import markdown_grid
from gliofit.report.table import Table, text_table
from tools.reproduce.claims import claims_table
from tools.reproduce.glance import glance_table
from tools.reproduce.sources import Records, Source, patient_sources, read_records, synthetic_sources
from tools.reproduce.tables import TABLES

_HERE = Path(__file__).parent

#: Differences between text and code of the paper, missing items, and sources of pictures.
DISAGREEMENTS, MISSING_ITEMS, PICTURES = (_HERE / f"{name}.yaml" for name in ("disagreements", "missing", "pictures"))


def page_text(records_dir: Path) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    records_dir
        Folder with the records of runs (``record_run``).

    Raises
    ------
    InputError
        If there are no records.
    """
    records = read_records(records_dir)
    tables = {name: make(records) for name, make in TABLES.items()} | {
        "glance": glance_table(records),
        "claims": claims_table(records),
        "disagreements": _disagreements(),
        "missing": _missing(),
        "pictures": _pictures(),
    }
    parts = {name: "\n\n".join(markdown_grid(part) for part in table.parts) for name, table in tables.items()} | {
        "patients_of_segmentation": _patients(records),
        "unsettled_synthetic": _unsettled(synthetic_sources(records)),
        "unsettled_patients": _unsettled(patient_sources(records, "segmentation")),
        "paper_test_mse": format_quantity(TEST_MSE),
    }
    return Template((_HERE / "page.md").read_text(encoding="utf-8")).substitute(parts)


def _patients(records: Records) -> str:
    """Return the number of patients of the table."""
    scales = [f"`{source.label}`: {source.scale}" for source in patient_sources(records, "segmentation")]
    return "; ".join(scales) + "."


def _unsettled(sources: Sequence[Source]) -> str:
    """Return a sentence on methods that did not converge within their budget."""
    found = [
        f"{method_name(method)} in {entry['not_converged']} of {entry['cases']} cases of {source.label}"
        for source in sources
        for method, entry in source.methods.items()
        if entry["not_converged"]
    ]
    return f" Not converged within the budget, but included: {', '.join(found)}." if found else ""


def _disagreements() -> Table:
    rows = [
        [item["what"], item["text"], item["code"], item["ours"], _keys(item["settings"])]
        for item in read_yaml(DISAGREEMENTS)["items"]
    ]
    return text_table(["", "text", "code", "here", "setting"], rows, 5)


def _keys(settings: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in settings) or MISSING


def _missing() -> Table:
    rows = [[item["what"], item["why"], _remedy(item)] for item in read_yaml(MISSING_ITEMS)["items"]]
    return text_table(["not reproduced", "why", "what is needed"], rows, 3)


def _remedy(item: Mapping[str, Any]) -> str:
    if "config" in item:
        text = yaml.safe_dump(item["config"], default_flow_style=True, sort_keys=False, width=10**6).strip()
        return f"over {item['over']}: `{text.removeprefix('{').removesuffix('}')}`"
    return f"`{item['command']}`" if "command" in item else MISSING


def _pictures() -> Table:
    rows = [
        [f"[{name}](images/{name})", f"`{picture['source']}`", f"`{picture['command']}`"]
        for name, picture in read_yaml(PICTURES)["pictures"].items()
    ]
    return text_table(["picture", "file of a run", "made by"], rows, 3)
