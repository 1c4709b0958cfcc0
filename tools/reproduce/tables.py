"""Tables of the page: numbers of the paper and of records, and ratio or difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from gliofit.assess.names import GROUP_NAMES, surrogate_name
from gliofit.assess.stability import paper_stability
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.paper import MEAN_THETA, PaperRow, PaperValue, paper_table
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING, format_power, format_quantity
from gliofit.report.table import Column, Table, column, text_table
from tools.reproduce.record import ERROR_BINS
from tools.reproduce.runs import KNOWN_RUNS
from tools.reproduce.sources import Records, Source, patient_sources, synthetic_sources

SYMBOLS = {parameter.name: parameter.text for parameter in SPACE.others}

_MSE = column("mse_volume", "MSE", power=-3)
_NCC = column("ncc_volume", "NCC", better="high", format=".3f")
_TIME = column("wall_seconds", "inversion", "s")
_FURTHER = (
    column("mae_volume", "MAE", power=-3),
    column("mse_volume_normalised", "MSE norm.", "per mm³", power=-8),
    column("mae_volume_normalised", "MAE norm.", "per mm³", power=-8),
)
_DICE = column("dice_whole_033", "Dice", format=".3f", better="high")
_PARAMETERS = (
    *(column(f"{name}_relative_error", SYMBOLS[name], "%", factor=100) for name in reversed(SYMBOLS)),
    column("origin_error_fraction", "origin", "extents", power=-3),
)
_SQUARES = tuple(column(f"{c.name}_squared", f"{c.label}, squared", power=-3) for c in _PARAMETERS)
_FORWARD = (
    column("mse_cube", "MSE", power=-3),
    column("mae_cube", "MAE", power=-3),
    column("ncc_cube", "NCC", better="high", format=".3f"),
)
_SEGMENTATION = (
    _DICE,
    column("dice_whole_best", "best threshold", format=".3f"),
    column("dice_core_060", "Dice, core", format=".3f"),
    column("hd95_whole_033_mm", "HD95", "mm"),
    column("ncc_volume_vs_cmaes-solver", "NCC with CMA-ES on solver", format=".3f"),
    _TIME,
)

#: Mean, standard error, median and n of a metric in records.
Statistics = Sequence[float | None]


def mean_text(c: Column, own: Statistics | None, median: bool = False) -> str:
    """Format mean with standard error, and the median if the paper has one."""
    if own is None:
        return MISSING
    mean, error, middle, n = (math.nan if value is None else value for value in own)
    text = c.text(mean, error)
    return f"{text} ({c.text(middle)})" if median and n > 1 else text


def _compared(c: Column, printed: PaperValue | None, own: Statistics | None, median: bool = False) -> str:
    """Format the paper's number, ours in bold, and their comparison.

    The comparison is a ratio, or a difference of scores with an upper bound of 1.
    """
    paper, ours, relation = MISSING, mean_text(c, own, median), MISSING
    if printed is not None:
        paper = c.text(printed.mean, printed.standard_error)
        paper += f" ({c.text(printed.median)})" if median else ""
    if printed is not None and own is not None and own[0] is not None:
        if c.better == "high":
            relation = format(own[0] - printed.mean, f"+{c.format}").replace("-", "−")
        else:
            relation = f"× {format_quantity(own[0] / printed.mean)}"
            relation += f" ({format_quantity((own[2] or 0.0) / printed.median)})" if median else ""
    return _stacked(paper, ours, relation)


def _stacked(paper: str, own: str, relation: str = MISSING) -> str:
    """Join the lines of a cell, without missing ones."""
    lines = [paper, f"**{own}**" if own != MISSING else MISSING, relation]
    # A number and its error stay on one line.
    return "<br>".join(line for line in lines if line != MISSING).replace(" ± ", "\u00a0±\u00a0") or MISSING


def _headings(columns: Sequence[Column]) -> list[str]:
    return [c.plain_heading for c in columns]


def _versus(
    sources: Sequence[Source],
    paper: Mapping[str, PaperRow],
    columns: Sequence[Column],
    median: bool = False,
    only_compared: bool = False,
) -> Table:
    """Create a row for each method and source: the paper's number, ours, and their comparison."""
    known = [method for source in sources for method in source.methods if not _is_variant(method)]
    methods = [*paper, *(() if only_compared else dict.fromkeys(m for m in known if m not in paper))]
    rows: list[list[str]] = []
    for method in methods:
        printed = paper.get(method)
        for place, source in enumerate(source for source in sources if method in source.methods):
            entry = source.methods[method]
            values = entry["values"]
            if all(c.name not in values for c in columns):
                continue
            n = entry["cases"] - entry["failed"]
            pairs = ((c, None if printed is None else printed.values.get(c.name), values.get(c.name)) for c in columns)
            rows.append(
                [
                    "" if place and rows else method_name(method),
                    source.label,
                    f"{n} ({printed.n})" if printed else str(n),
                ]
                + [_compared(c, value, own, median) for c, value, own in pairs]
            )
    return text_table(["method", "run", "n (paper)", *_headings(columns)], rows, 2)


def _is_variant(method: str) -> bool:
    """Whether a method is a variant that the paper does not have."""
    return method.endswith(("-com-start", "-com-swap"))


def _both(*tables: Table) -> Table:
    return Table("", pd.DataFrame(), (), panels=tables)


def runs_table(records: Records) -> Table:
    """Create the table of runs."""
    known = {run.name: run for run in KNOWN_RUNS}
    rows = []
    for name, record in records.items():
        provenance = record["provenance"]
        run = known.get(name)
        rows.append(
            [
                f"`{name}`",
                f"[{run.config}](../{run.config}), `{run.command}`" if run else "not one of the shipped configurations",
                "; ".join(_sizes(record)),
                f"gliofit {_texts(provenance['gliofit'])}, revision {_texts(provenance['revision'], 8)}"
                + (" with changes" if provenance["changed"] else ""),
                _texts(provenance["device"]),
            ]
        )
    return text_table(["run", "configuration, command", "cases", "code", "machine"], rows, 5)


def _sizes(record: Mapping[str, Any]) -> list[str]:
    """Describe the numbers of cases of a run."""
    sizes = []
    for kind, cohort in record.get("cohorts", {}).items():
        what = "synthetic tumours" if kind == "synthetic" else "phantoms" if cohort["phantoms"] else "real patients"
        sizes.append(f"{cohort['cases']} {what} at {cohort['spacing_mm']:g} mm")
    studies = record.get("study", [])
    for preset in dict.fromkeys(row["preset"] for row in studies):
        part = [row for row in studies if row["preset"] == preset]
        scenarios = len({row["scenario"] for row in part})
        sizes.append(
            f"{max(row['cases'] for row in part)} tumours of preset {preset} at {part[0]['spacing_mm']:g} mm"
            + (f", {scenarios} scenarios" if scenarios > 1 else "")
        )
    forward = record.get("assess", {}).get("forward", [])
    return sizes + [
        f"{row['n']} tumours for surrogates, {GROUP_NAMES[row['group']]}"
        for row in forward
        if row["model"] == forward[0]["model"]
    ]


def _texts(values: Sequence[str | None], length: int | None = None) -> str:
    return ", ".join("not recorded" if value is None else value[:length] for value in values)


def table1(records: Records) -> Table:
    """Create the table of parameter errors (paper, table 1): absolute, then squared."""
    sources, paper = synthetic_sources(records), paper_table(1)
    return _both(
        _versus(sources, paper, _PARAMETERS, median=True), _versus(sources, paper, _SQUARES, only_compared=True)
    )


def table2(records: Records) -> Table:
    """Create the table of forward simulations of synthetic cases (paper, table 2)."""
    sources, paper = synthetic_sources(records), paper_table(2)
    with_more = [source for source in sources if any("mae_volume" in m["values"] for m in source.methods.values())]
    return _both(_versus(sources, paper, (_MSE, _NCC, _TIME)), _versus(with_more, paper, _FURTHER, only_compared=True))


def table3(records: Records) -> Table:
    """Create the table of fits to patients relative to the reference (paper, table 3)."""
    sources, paper = patient_sources(records, "reference", phantoms=True), paper_table(3)
    return _both(
        _versus(sources, paper, (_MSE, _NCC, _DICE, _TIME)), _versus(sources, paper, _FURTHER, only_compared=True)
    )


def segmentation_table(records: Records) -> Table:
    """Create the table of segmentation-driven fits, which the paper does not report for its methods."""
    rows = [
        [method_name(method.removesuffix("-segmentation")), source.label, str(entry["cases"] - entry["failed"])]
        + [mean_text(c, entry["values"].get(c.name)) for c in _SEGMENTATION]
        for source in patient_sources(records, "segmentation")
        for method, entry in source.methods.items()
    ]
    return text_table(["method", "run", "n", *_headings(_SEGMENTATION)], rows, 2)


def table4(records: Records) -> Table:
    """Create the table of stability of the gradient search (paper, table 4)."""
    headings = ["radius", "run", "starts (paper)", "same minimum (%)", "error of μ_D (mm)", "error of μ_ρ"]
    rows = []
    for name, record in records.items():
        for line in record.get("assess", {}).get("stability", []):
            paper = paper_stability(line["radius"])
            same, low, high = (
                math.nan if line[key] is None else 100 * line[key]
                for key in ("same_parameters", "same_parameters_low", "same_parameters_high")
            )
            printed = format_quantity(100 * paper.get("same_parameters", math.nan), form=".1f")
            shares = MISSING if math.isnan(same) else f"{same:.1f} [{low:.0f}, {high:.0f}]"
            row = [f"{100 * line['radius']:g} %", name, f"{line['starts']} ({paper_table(4)['0'].n})"]
            row.append(_stacked(printed, shares))
            for key in (f"{rate}_error" for rate in SYMBOLS):
                own, wanted = float(line[key]), paper.get(key, math.nan)
                ratio = MISSING if math.isnan(wanted) else f"× {format_quantity(own / wanted)}"
                ours = format_quantity(own, float(line[f"{key}_se"]), ".2f")
                row.append(_stacked(format_quantity(wanted, form=".2f"), ours, ratio))
            rows.append(row)
    return text_table(headings, rows, 2)


def table5(records: Records) -> Table:
    """Create the table of surrogates (section 3.1 and table 5)."""
    paper, rows, shown = paper_table(5), [], set()
    for name, record in records.items():
        assess = record.get("assess", {})
        for line in (line for line in assess.get("forward", []) if line["group"] == "atlas"):
            model = assess["models"][line["model"]]
            printed = paper.get(model["architecture"])
            seen = f"{model['seen']:,} in {model['minutes']:.0f} min on {model['device']}"
            cells = [_compared(c, None if printed is None else printed.values[c.name], line[c.name]) for c in _FORWARD]
            rows.append([surrogate_name(line["model"]), name, f"{model['voxel']}; {seen}", str(line["n"]), *cells])
            shown.add(model["architecture"])
    for architecture in (name for name in paper if name not in shown):
        cells = [_compared(c, paper[architecture].values[c.name], None) for c in _FORWARD]
        rows.append([surrogate_name(architecture), MISSING, "not assessed", "0", *cells])
    return text_table(["surrogate", "run", "cube; tumours seen in training", "n", *_headings(_FORWARD)], rows, 3)


def figure3_table(records: Records) -> Table:
    """Create the table of fractions of cases by error (paper, figure 3)."""
    borders = [format_power(round(math.log10(border))) for border in ERROR_BINS]
    names = [f"below {borders[0]}", *(f"{low} to {high}" for low, high in pairwise(borders)),
             f"{borders[-1]} and more"]  # fmt: skip
    methods = [method_name(method) for method in paper_table(2)]
    rows = []
    for source in synthetic_sources(records):
        for method, entry in source.methods.items():
            if method_name(method) in methods and "counts" in entry:
                total = sum(entry["counts"])
                shares = [f"{100 * count / total:.0f} %" if count else MISSING for count in entry["counts"]]
                rows.append([method_name(method), source.label, str(total), *shares, format_quantity(entry["largest"])])
    rows.sort(key=lambda row: methods.index(row[0]))
    return text_table(["method", "run", "n", *names, "largest"], rows, 2)


def figure5_table(records: Records) -> Table:
    """Create the table of relative changes of c by changes of parameters (paper, figure 5)."""
    rows, headings = [], list[str]()
    for name, record in records.items():
        lines = record.get("assess", {}).get("sensitivity", [])
        for model in dict.fromkeys(line["model"] for line in lines):
            part = {(line["parameter"], line["change"]): line for line in lines if line["model"] == model}
            keys = [(rate, change) for rate in SYMBOLS for change in sorted({change for _, change in part})]
            sizes = [f"{part[key]['size']:.2f}" for key in keys]
            rows.append(["solver" if model == "solver" else surrogate_name(model), name, *sizes])
            headings = [f"{SYMBOLS[rate]} {100 * change:+.0f} %".replace("-", "−") for rate, change in keys]
    return text_table(["", "run", *headings], rows, 2)


def figure6_table(records: Records) -> Table:
    """Create the table of rank correlations of the error (paper, figure 6)."""
    causes = {"mu_rho": "μ_ρ", "mu_d_mm": "μ_D", "volume_mm3": "volume", "front_width_mm": "front width μ_D/μ_ρ"}
    rows = [
        [method_name(row["method"]), f"{name}, {row['scenario']}", str(row["cases"] - row["failed"])]
        + [format_quantity(math.nan if row["causes"][cause] is None else row["causes"][cause], form="+.2f")
           for cause in causes]
        for name, record in records.items()
        for row in record.get("study", [])
        if row["preset"] == "paper" and row["undisturbed"] and row["method"] in paper_table(2)
    ]  # fmt: skip
    return text_table(["method", "run", "n", *causes.values()], rows, 2)


def figure7_table(records: Records) -> Table:
    """Create the table of mean Dice at 0.33, and the best of the mean curve (paper, figure 7)."""
    rows = []
    for name, record in records.items():
        cohort = record.get("cohorts", {}).get("patients")
        if cohort is None or cohort["phantoms"]:
            continue
        for method, (threshold, dice) in cohort["best_threshold"].items():
            entry = cohort["methods"][method]
            if _is_variant(method) or _DICE.name not in entry["values"]:
                continue
            printed = paper_table(3)[method].values[_DICE.name] if method in paper_table(3) else PaperValue(math.nan)
            rows.append(
                [method_name(method), entry["observation"], name, str(entry["cases"] - entry["failed"]),
                 _DICE.text(printed.mean, printed.standard_error), f"{entry['values'][_DICE.name][0]:.3f}",
                 f"{dice:.3f}", f"{threshold:.2f}"]
            )  # fmt: skip
    headings = ["method", "sees", "run", "n", "Dice at 0.33: paper", "ours", "best of the mean curve", "at threshold"]
    return text_table(headings, rows, 3)


def pilot_table(records: Records) -> Table:
    """Create the table of means of theta of the training data (appendix D and the released code)."""
    rows, units = [], {"mu_d_mm": "μ_D (mm)", "mu_rho": "μ_ρ"}
    for name, record in records.items():
        pilot: Mapping[str, Any] | None = record.get("pilot")
        if pilot is None:
            continue
        row = [name, f"`{pilot['preset']}`", str(pilot["samples"]), f"{pilot['spacing_mm']:g} mm"]
        for key, printed in MEAN_THETA.items():
            own = pilot[key]
            row += [format_quantity(printed), format_quantity(own["mean"], own["standard_error"]),
                    format_quantity(own["mean"] / printed)]  # fmt: skip
        rows.append(row)
    of_rates = (heading for key in MEAN_THETA for heading in (f"{units[key]}: paper's code", "ours", "ours / paper"))
    return text_table(["run", "preset", "tumours", "voxels", *of_rates], rows, 2)


#: Tables of the page by their names in ``page.md``.
TABLES = {
    "runs": runs_table,
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "segmentation": segmentation_table,
    "table4": table4,
    "table5": table5,
    "figure3": figure3_table,
    "figure5": figure5_table,
    "figure6": figure6_table,
    "figure7": figure7_table,
    "pilot": pilot_table,
}
