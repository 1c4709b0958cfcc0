"""The page's first table: of each item of the paper one number, ours beside it, and how many cases both rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gliofit.assess.names import surrogate_name
from gliofit.paper import TEST_MSE, PaperRow, paper_table
from gliofit.report.names import method_name
from gliofit.report.numbers import format_quantity
from gliofit.report.table import Table, text_table
from gliofit.reproduce.sources import Records, Source, patient_sources, synthetic_sources

__all__ = ["glance_table"]

TABLE1, TABLE2, TABLE3, TABLE4 = paper_table(1), paper_table(2), paper_table(3), paper_table(4)

#: The radius whose row of table 4 is shown.
_RADIUS = 0.1


def glance_table(records: Records) -> Table:
    """One line per item; ours is the run with the most cases."""
    rows = [*_synthetic(records), *_patients(records), *_stability(records), *_surrogate(records)]
    headings = ["item", "what", "paper", "cases", "here", "cases", "run"]
    return text_table(headings, rows, 2)


def _synthetic(records: Records) -> Iterator[list[str]]:
    sources = synthetic_sources(records)
    yield from _row("[Table 1](#table-1-recovered-parameters)", "error of μ_D (%)", sources, TABLE1,
                    "gradient-surrogate", "mu_d_relative_error", 100)  # fmt: skip
    yield from _row("[Table 2](#table-2-the-final-tumour-synthetic-cases)", "MSE (×10⁻³)", sources, TABLE2,
                    "hybrid", "mse_volume", 1e3)  # fmt: skip
    yield from _row("[Table 2](#table-2-the-final-tumour-synthetic-cases)", "MSE (×10⁻³)", sources, TABLE2,
                    "cmaes-solver", "mse_volume", 1e3)  # fmt: skip


def _patients(records: Records) -> Iterator[list[str]]:
    place = "[Table 3](#table-3-patients-relative-to-the-reference)"
    sources = patient_sources(records, "reference")
    yield from _row(place, "MSE (×10⁻³)", sources, TABLE3, "hybrid-com", "mse_volume", 1e3)
    yield from _row(place, "Dice at 0.33", sources, TABLE3, "gliodil", "dice_whole_033", 1)


def _row(
    item: str,
    what: str,
    sources: list[Source],
    paper: Mapping[str, PaperRow],
    method: str,
    metric: str,
    factor: float,
) -> Iterator[list[str]]:
    holding = [source for source in sources if method in source.methods]
    if not holding:
        return
    source = max(holding, key=lambda source: _scored(source.methods[method]))
    printed, own = paper[method].values[metric], source.methods[method]["values"][metric]
    yield [
        item,
        f"{what}, {method_name(method)}",
        format_quantity(factor * printed.mean, factor * printed.standard_error),
        str(paper[method].n),
        format_quantity(factor * own[0], factor * own[1]),
        str(_scored(source.methods[method])),
        source.label,
    ]


def _scored(entry: Mapping[str, Any]) -> int:
    return int(entry["cases"] - entry["failed"])


def _stability(records: Records) -> Iterator[list[str]]:
    for name, record in records.items():
        for line in record.get("assess", {}).get("stability", []):
            if abs(line["radius"] - _RADIUS) < 1e-9:
                yield [
                    "[Table 4](#table-4-stability-of-the-gradient-search)",
                    f"searches that end in the same minimum, start moved by {100 * _RADIUS:g} % (%)",
                    f"{100 * TABLE4[f'{100 * _RADIUS:g}'].values['same_parameters'].mean:.1f}",
                    str(TABLE4["0"].n),
                    f"{100 * line['same_parameters']:.1f}",
                    str(line["starts"]),
                    name,
                ]


def _surrogate(records: Records) -> Iterator[list[str]]:
    for name, record in records.items():
        lines = [line for line in record.get("assess", {}).get("forward", []) if line["group"] == "atlas"]
        for model in ("guided-unet", "convnext-unet"):
            for line in lines:
                if line["model"] == model:
                    yield [
                        "[Section 3.1](#table-5-and-section-31-surrogates-against-the-solver)",
                        f"MSE of the surrogate (×10⁻³), ours: {surrogate_name(model)}",
                        format_quantity(1e3 * TEST_MSE),
                        str(TABLE2["hybrid"].n),
                        format_quantity(1e3 * line["mse_cube"][0], 1e3 * line["mse_cube"][1]),
                        str(line["n"]),
                        name,
                    ]
