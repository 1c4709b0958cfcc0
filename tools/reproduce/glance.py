"""First table of the page: one number of each item of the paper with ours, and numbers of cases."""

from __future__ import annotations

from collections.abc import Iterator

from gliofit.assess.names import surrogate_name
from gliofit.paper import TEST_MSE, paper_table
from gliofit.report.names import method_name
from gliofit.report.numbers import format_quantity
from gliofit.report.table import Table, text_table
from tools.reproduce.sources import Records, patient_sources, synthetic_sources

#: Link, quantity, number of the paper's table, method, metric and factor of a row; numbers of the paper and ours are
#: means.
_ROWS = (
    (
        "[Table 1](#table-1-recovered-parameters)",
        "error of μ_D (%)",
        1,
        "gradient-surrogate",
        "mu_d_relative_error",
        100,
    ),
    ("[Table 2](#table-2-the-final-tumour-synthetic-cases)", "MSE (×10⁻³)", 2, "hybrid", "mse_volume", 1e3),
    ("[Table 2](#table-2-the-final-tumour-synthetic-cases)", "MSE (×10⁻³)", 2, "cmaes-solver", "mse_volume", 1e3),
    ("[Table 3](#table-3-patients-relative-to-the-reference)", "MSE (×10⁻³)", 3, "hybrid-com", "mse_volume", 1e3),
    ("[Table 3](#table-3-patients-relative-to-the-reference)", "Dice at 0.33", 3, "gliodil", "dice_whole_033", 1),
)

#: Radius (percent) of the row of table 4, and surrogates.
_RADIUS = "10"
_MODELS = ("guided-unet", "convnext-unet")


def glance_table(records: Records) -> Table:
    """Create one row per item; ours is the run with the most cases."""
    rows = []
    for item, what, number, method, metric, factor in _ROWS:
        sources = patient_sources(records, "reference") if number == 3 else synthetic_sources(records)
        scored = {s.label: s.methods[method] for s in sources if method in s.methods}
        if scored:
            run, entry = max(scored.items(), key=lambda pair: pair[1]["cases"] - pair[1]["failed"])
            printed, own = paper_table(number)[method], entry["values"][metric]
            value = printed.values[metric]
            ours = [_text(own[0], own[1], factor), str(entry["cases"] - entry["failed"]), run]
            paper = [_text(value.mean, value.standard_error, factor), str(printed.n)]
            rows.append([item, f"{what}, {method_name(method)}", *paper, *ours])
    rows += [*_stability(records), *_surrogates(records)]
    return text_table(["item", "what", "paper", "cases", "here", "cases", "run"], rows, 2)


def _text(value: float, error: float, factor: float) -> str:
    return format_quantity(factor * value, factor * error)


def _stability(records: Records) -> Iterator[list[str]]:
    paper = paper_table(4)[_RADIUS]
    for name, record in records.items():
        for line in record.get("assess", {}).get("stability", []):
            if f"{100 * line['radius']:g}" == _RADIUS:
                shares = (paper.values["same_parameters"].mean, line["same_parameters"])
                printed, own = (f"{100 * share:.1f}" for share in shares)
                yield [
                    "[Table 4](#table-4-stability-of-the-gradient-search)",
                    f"searches with the same minimum, initial guess displaced by {_RADIUS} % (%)",
                    printed, str(paper.n), own, str(line["starts"]), name,
                ]  # fmt: skip


def _surrogates(records: Records) -> Iterator[list[str]]:
    for name, record in records.items():
        lines = {
            line["model"]: line for line in record.get("assess", {}).get("forward", []) if line["group"] == "atlas"
        }
        for model in (model for model in _MODELS if model in lines):
            yield [
                "[Section 3.1](#table-5-and-section-31-surrogates-against-the-solver)",
                f"MSE of the surrogate (×10⁻³), ours: {surrogate_name(model)}",
                format_quantity(1e3 * TEST_MSE), str(paper_table(2)["hybrid"].n),
                _text(lines[model]["mse_cube"][0], lines[model]["mse_cube"][1], 1e3), str(lines[model]["n"]), name,
            ]  # fmt: skip
