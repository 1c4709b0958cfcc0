"""The page's tables, as Markdown: the paper's numbers, ours, and ratio or difference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from gliofit.assess.names import GROUP_NAMES, surrogate_name
from gliofit.assess.stability import paper_stability
from gliofit.paper import MEAN_THETA, PaperRow, PaperValue, paper_table
from gliofit.publish.names import method_name
from gliofit.publish.numbers import MISSING, format_power, format_quantity
from gliofit.publish.panel import Column
from gliofit.reproduce.record import ERROR_BINS
from gliofit.reproduce.runs import KNOWN_RUNS
from gliofit.reproduce.sources import Records, Source, patient_sources, synthetic_sources

__all__ = [
    "figure3_table",
    "figure5_table",
    "figure6_table",
    "figure7_table",
    "pilot_table",
    "pipe_table",
    "plain_heading",
    "runs_table",
    "segmentation_table",
    "table1",
    "table2",
    "table3",
    "table4",
    "table5",
]

TABLE1, TABLE2, TABLE3, TABLE4, TABLE5 = paper_table(1), paper_table(2), paper_table(3), paper_table(4), paper_table(5)

_MSE = Column("mse_volume", "MSE", power=-3)
_NCC = Column("ncc_volume", "NCC", better="high", decimals=3)
_TIME = Column("wall_seconds", "inversion", "s")
_FURTHER = (
    Column("mae_volume", "MAE", power=-3),
    Column("mse_volume_normalised", "MSE norm.", "per mm³", power=-8),
    Column("mae_volume_normalised", "MAE norm.", "per mm³", power=-8),
)
_DICE = Column("dice_whole_033", "Dice", decimals=3, better="high")
_PARAMETERS = (
    Column("mu_rho_relative_error", "μ_ρ", "%", factor=100),
    Column("mu_d_relative_error", "μ_D", "%", factor=100),
    Column("origin_error_fraction", "origin", "extents", power=-3),
)
_FORWARD = (
    Column("mse_cube", "MSE", power=-3),
    Column("mae_cube", "MAE", power=-3),
    Column("ncc_cube", "NCC", better="high", decimals=3),
)
_SQUARES = tuple(
    Column(f"{metric}_squared", f"{name}, squared", power=-3)
    for metric, name in (
        ("mu_rho_relative_error", "μ_ρ"),
        ("mu_d_relative_error", "μ_D"),
        ("origin_error_fraction", "origin"),
    )
)


def pipe_table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A Markdown table whose first ``words`` columns are text and the others numbers."""
    marks = [" --- "] * words + [" ---: "] * (len(headings) - words)
    lines = [headings, *rows]
    text = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join(marks) + "|", *text[1:]])


def _own(column: Column, values: Mapping[str, Sequence[float | None]], median: bool) -> str:
    """Mean with standard error, and the median where the paper has one."""
    found = values.get(column.metric)
    if found is None:
        return MISSING
    mean, error, middle, n = (math.nan if value is None else value for value in found)
    text = column.text(mean, error)
    return f"{text} ({column.text(middle)})" if median and n > 1 else text


def _printed(column: Column, value: PaperValue | None, median: bool) -> str:
    if value is None:
        return MISSING
    text = column.text(value.mean, value.standard_error)
    return f"{text} ({column.text(value.median)})" if median else text


def _compared(
    column: Column, values: Mapping[str, Sequence[float | None]], value: PaperValue | None, median: bool
) -> str:
    """Ours over the paper's, or ours less the paper's where both have an upper end of 1."""
    found = values.get(column.metric)
    if found is None or value is None or found[0] is None:
        return MISSING
    if column.better == "high":
        return f"{found[0] - value.mean:+.{column.decimals}f}".replace("-", "−")
    text = format_quantity(found[0] / value.mean)
    return f"{text} ({format_quantity((found[2] or 0.0) / value.median)})" if median else text


def _versus(
    sources: Sequence[Source],
    paper: Mapping[str, PaperRow],
    columns: Sequence[Column],
    paper_median: bool = False,
    only_compared: bool = False,
) -> str:
    """A line for each method and source: of every column the paper's number, ours, and how they compare."""
    found = [method for source in sources for method in source.methods if not _is_variant(method)]
    methods = [*paper, *(() if only_compared else dict.fromkeys(m for m in found if m not in paper))]
    headings = ["method", "run", "n (paper)", *(plain_heading(column) for column in columns)]
    rows: list[list[str]] = []
    for method in methods:
        printed = paper.get(method)
        holding = [source for source in sources if method in source.methods]
        for place, source in enumerate(holding):
            entry = source.methods[method]
            values = entry["values"]
            if all(column.metric not in values for column in columns):
                continue
            n = entry["cases"] - entry["failed"]
            row = ["" if place and rows and rows[-1] else method_name(method), source.label,
                   f"{n} ({printed.n})" if printed else str(n)]  # fmt: skip
            for column in columns:
                value = None if printed is None else printed.values.get(column.metric)
                row.append(_cell(column, value, values, paper_median))
            rows.append(row)
    return pipe_table(headings, rows, 2)


def _cell(
    column: Column, value: PaperValue | None, values: Mapping[str, Sequence[float | None]], median: bool = False
) -> str:
    """The paper's number, ours in bold, and how they compare, one below the other."""
    compared = _compared(column, values, value, median)
    return _stacked(_printed(column, value, median), _own(column, values, median), compared, column.better == "high")


def _stacked(printed: str, own: str, compared: str, difference: bool = False) -> str:
    """Lines of one cell; what is missing is left out, and nothing at all is a dash."""
    lines = [printed, f"**{own}**" if own != MISSING else MISSING, compared if difference else f"× {compared}"]
    shown = [line for line, text in zip(lines, (printed, own, compared), strict=True) if text != MISSING]
    # A number and its error stay on one line.
    return "<br>".join(shown).replace(" ± ", "\u00a0±\u00a0") or MISSING


def _is_variant(method: str) -> bool:
    """Whether a method is a variant of one of the paper's that the paper does not have."""
    return method.endswith(("-com-start", "-com-swap"))


def plain_heading(column: Column) -> str:
    """Heading without the arrow."""
    return replace(column, better=None).heading


def runs_table(records: Records) -> str:
    """What was run, at which scale and by what."""
    known = {run.name: run for run in KNOWN_RUNS}
    rows = []
    for name, record in records.items():
        provenance = record["provenance"]
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
        for row in record.get("assess", {}).get("forward", []):
            if row["model"] == record["assess"]["forward"][0]["model"]:
                sizes.append(f"{row['n']} tumours for surrogates, {GROUP_NAMES[row['group']]}")
        run = known.get(name)
        rows.append(
            [
                f"`{name}`",
                f"[{run.config}](../{run.config}), `{run.command}`" if run else "not one of the shipped configurations",
                "; ".join(sizes),
                f"gliofit {_texts(provenance['gliofit'])}, revision {_texts(provenance['revision'], 8)}"
                + (" with changes" if provenance["changed"] else ""),
                _texts(provenance["device"]),
            ]
        )
    return pipe_table(["run", "configuration, command", "cases", "code", "machine"], rows, 5)


def _texts(values: Sequence[str | None], length: int | None = None) -> str:
    return ", ".join("not recorded" if value is None else value[:length] for value in values)


def table1(records: Records) -> str:
    """Recovered parameters (paper, table 1): sizes of the errors, then their squares."""
    sources = synthetic_sources(records)
    parts = [_versus(sources, TABLE1, columns, paper_median=True) for columns in (_PARAMETERS,)]
    parts.append(_versus(sources, TABLE1, _SQUARES, only_compared=True))
    return "\n\n".join(parts)


def table2(records: Records) -> str:
    """Final tumour on synthetic cases (paper, table 2)."""
    sources = synthetic_sources(records)
    first = _versus(sources, TABLE2, (_MSE, _NCC, _TIME))
    with_more = [source for source in sources if any("mae_volume" in m["values"] for m in source.methods.values())]
    return f"{first}\n\n{_versus(with_more, TABLE2, _FURTHER, only_compared=True)}"


def table3(records: Records) -> str:
    """Fit to patients relative to the reference (paper, table 3)."""
    sources = patient_sources(records, "reference", phantoms=True)
    first = _versus(sources, TABLE3, (_MSE, _NCC, _DICE, _TIME))
    return f"{first}\n\n{_versus(sources, TABLE3, _FURTHER, only_compared=True)}"


def segmentation_table(records: Records) -> str:
    """What methods make of the segmentation alone, which the paper does not report of its own methods."""
    columns = (
        _DICE,
        Column("dice_whole_best", "best threshold", decimals=3, better="high"),
        Column("dice_core_060", "Dice, core", decimals=3, better="high"),
        Column("hd95_whole_033_mm", "HD95", "mm"),
        Column("ncc_volume_vs_cmaes-solver", "NCC with CMA-ES on solver", decimals=3, better="high"),
        _TIME,
    )
    rows = []
    for source in patient_sources(records, "segmentation"):
        for method, entry in source.methods.items():
            name = method_name(method.removesuffix("-segmentation"))
            rows.append([name, source.label, str(entry["cases"] - entry["failed"])])
            rows[-1] += [_own(column, entry["values"], median=False) for column in columns]
    return pipe_table(["method", "run", "n", *(plain_heading(column) for column in columns)], rows, 2)


def table4(records: Records) -> str:
    """Stability of the gradient search against its start (paper, table 4)."""
    headings = ["radius", "run", "starts (paper)", "same minimum (%)", "error of μ_D (mm)", "error of μ_ρ"]
    rows = []
    for name, record in records.items():
        for line in record.get("assess", {}).get("stability", []):
            radius = float(line["radius"])
            paper = paper_stability(radius)
            ratio = paper.get("same_parameters", math.nan)
            printed_share = MISSING if math.isnan(ratio) else f"{100 * ratio:.1f}"
            same = line["same_parameters"]
            row = [f"{100 * radius:g} %", name, f"{line['starts']} ({TABLE4['0'].n})"]
            shares = MISSING if same is None else (
                f"{100 * same:.1f} "
                f"[{100 * line['same_parameters_low']:.0f}, {100 * line['same_parameters_high']:.0f}]"
            )  # fmt: skip
            row.append(
                _stacked(
                    printed_share,
                    shares,
                    MISSING,
                )
            )
            for key in ("mu_d_error", "mu_rho_error"):
                own = float(line[key])
                row.append(
                    _stacked(
                        f"{paper[key]:.2f}" if paper else MISSING,
                        format_quantity(own, float(line[f"{key}_se"]), decimals=2),
                        format_quantity(own / paper[key]) if paper else MISSING,
                    )
                )
            rows.append(row)
    return pipe_table(headings, rows, 2)


def table5(records: Records) -> str:
    """Surrogates against the solver (section 3.1 and table 5)."""
    headings = [
        "surrogate",
        "run",
        "cube; tumours seen in training",
        "n",
        *(plain_heading(column) for column in _FORWARD),
    ]
    rows = []
    shown: set[str] = set()
    for name, record in records.items():
        assess = record.get("assess", {})
        for line in assess.get("forward", []):
            if line["group"] != "atlas":
                continue
            model = assess["models"][line["model"]]
            printed = TABLE5.get(model["architecture"])
            seen = f"{model['seen']:,} in {model['minutes']:.0f} min on {model['device']}"
            row = [surrogate_name(line["model"]), name, f"{model['voxel']}; {seen}", str(line["n"])]
            for column in _FORWARD:
                row.append(_cell(column, None if printed is None else printed.values[column.metric], line))
            rows.append(row)
            shown.add(model["architecture"])
    for architecture in (name for name in TABLE5 if name not in shown):
        cells = [_cell(column, TABLE5[architecture].values[column.metric], {}) for column in _FORWARD]
        rows.append([surrogate_name(architecture), MISSING, "not assessed", "0", *cells])
    return pipe_table(headings, rows, 3)


def figure3_table(records: Records) -> str:
    """Shares of cases by the size of their error (paper, figure 3)."""
    borders = [format_power(round(math.log10(border))) for border in ERROR_BINS]
    names = [f"below {borders[0]}", *(f"{low} to {high}" for low, high in pairwise(borders)),
             f"{borders[-1]} and more"]  # fmt: skip
    rows = []
    for source in synthetic_sources(records):
        for method, entry in source.methods.items():
            if method in TABLE2 and "counts" in entry:
                total = sum(entry["counts"])
                shares = [f"{100 * count / total:.0f} %" if count else MISSING for count in entry["counts"]]
                rows.append([method_name(method), source.label, str(total), *shares, format_quantity(entry["largest"])])
    rows.sort(key=lambda row: [method_name(method) for method in TABLE2].index(row[0]))
    return pipe_table(["method", "run", "n", *names, "largest"], rows, 2)


def figure5_table(records: Records) -> str:
    """Size of the change of c by a change of a parameter, relative to c (paper, figure 5)."""
    rows = []
    for name, record in records.items():
        lines = record.get("assess", {}).get("sensitivity", [])
        for model in dict.fromkeys(line["model"] for line in lines):
            part = {(line["parameter"], line["change"]): line for line in lines if line["model"] == model}
            changes = sorted({change for _, change in part})
            cells = [f"{part[parameter, change]['size']:.2f}" for parameter in ("mu_d", "mu_rho") for change in changes]
            rows.append(["solver" if model == "solver" else surrogate_name(model), name, *cells])
            headings = [f"{symbol} {100 * change:+.0f} %".replace("-", "−") for symbol in ("μ_D", "μ_ρ")
                        for change in changes]  # fmt: skip
    return pipe_table(["", "run", *headings], rows, 2)


def figure6_table(records: Records) -> str:
    """Rank correlations of the error with what may cause it (paper, figure 6)."""
    causes = {"mu_rho": "μ_ρ", "mu_d_mm": "μ_D", "volume_mm3": "volume", "front_width_mm": "front width μ_D/μ_ρ"}
    rows = [
        [method_name(row["method"]), f"{name}, {row['scenario']}", str(row["cases"] - row["failed"])]
        + [
            MISSING if (found := row["causes"][cause]) is None else f"{found:+.2f}".replace("-", "−")
            for cause in causes
        ]
        for name, record in records.items()
        for row in record.get("study", [])
        if row["preset"] == "paper" and row["undisturbed"] and row["method"] in TABLE2
    ]
    return pipe_table(["method", "run", "n", *causes.values()], rows, 2)


def figure7_table(records: Records) -> str:
    """Mean Dice at 0.33, and the best of the mean curve (paper, figure 7)."""
    rows = []
    for name, record in records.items():
        cohort = record.get("cohorts", {}).get("patients")
        if cohort is None or cohort["phantoms"]:
            continue
        for method, (threshold, dice) in cohort["best_threshold"].items():
            entry = cohort["methods"][method]
            if _is_variant(method) or "dice_whole_033" not in entry["values"]:
                continue
            at = entry["values"]["dice_whole_033"][0]
            paper = TABLE3[method].values["dice_whole_033"] if method in TABLE3 else None
            rows.append(
                [method_name(method), entry["observation"], name, str(entry["cases"] - entry["failed"]),
                 _printed(_DICE, paper, False), f"{at:.3f}", f"{dice:.3f}", f"{threshold:.2f}"]
            )  # fmt: skip
    headings = ["method", "sees", "run", "n", "Dice at 0.33: paper", "ours", "best of the mean curve", "at threshold"]
    return pipe_table(headings, rows, 3)


def pilot_table(records: Records) -> str:
    """Means of theta over the training distribution (appendix D against the released code)."""
    rows = []
    for name, record in records.items():
        pilot: Mapping[str, Any] | None = record.get("pilot")
        if pilot is None:
            continue
        row = [name, f"`{pilot['preset']}`", str(pilot["samples"]), f"{pilot['spacing_mm']:g} mm"]
        for key, column in (("mu_d_mm", Column("", "μ_D", "mm")), ("mu_rho", Column("", "μ_ρ"))):
            found = pilot[key]
            row += [column.text(MEAN_THETA[key]), column.text(found["mean"], found["standard_error"]),
                    format_quantity(found["mean"] / MEAN_THETA[key])]  # fmt: skip
        rows.append(row)
    headings = ["run", "preset", "tumours", "voxels", "μ_D (mm): paper's code", "ours", "ours / paper",
                "μ_ρ: paper's code", "ours", "ours / paper"]  # fmt: skip
    return pipe_table(headings, rows, 2)
