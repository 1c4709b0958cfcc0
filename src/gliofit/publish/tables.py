"""Tables 1, 2 and 3, this run's numbers above the paper's, as CSV, Markdown, LaTeX and HTML; table 3 by observation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from gliofit.evaluate.cohort import agreement_metric
from gliofit.io import atomic_path
from gliofit.paper import EXTENT_MM, PaperRow, paper_table
from gliofit.publish.cohort import LIKE_THE_PAPER, Cohort
from gliofit.publish.names import method_name
from gliofit.publish.notes import choice_notes, common_notes, observation_notes
from gliofit.publish.numbers import MISSING
from gliofit.publish.panel import Cell, Column, Line, Panel, to_html, to_latex_table, to_markdown
from gliofit.publish.settings import PublishSettings

__all__ = ["write_segmentation_table", "write_table1", "write_table2", "write_table3", "write_tables"]


def _field_columns(domain: str) -> tuple[Column, ...]:
    """The paper's field metrics; both domains in the same units."""
    return (
        Column(f"mse_{domain}", "MSE", power=-3),
        Column(f"mae_{domain}", "MAE", power=-3),
        Column(f"mse_{domain}_normalised", "MSE norm.", "per mm³", power=-8),
        Column(f"mae_{domain}_normalised", "MAE norm.", "per mm³", power=-8),
        Column(f"ncc_{domain}", "NCC", better="high", decimals=3),
    )


_PARAMETER_COLUMNS = (
    Column("mu_rho_relative_error_squared", "Growth μ_ρ MSE", power=-3),
    Column("mu_rho_relative_error", "Growth μ_ρ MAE", "%", factor=100),
    Column("mu_d_relative_error_squared", "Diffusion μ_D MSE", power=-3),
    Column("mu_d_relative_error", "Diffusion μ_D MAE", "%", factor=100),
    Column("origin_error_fraction_squared", "Origin MSE", "extents²", power=-3),
    Column("origin_error_fraction", "Origin MAE", "extents", power=-3),
    Column("origin_error_mm", "Origin MAE", "mm"),
)

_TIME_COLUMNS = (
    Column("wall_seconds", "Inversion", "s"),
    Column("total_wall_seconds", "with final run", "s"),
)

_DICE_COLUMNS = (
    Column("dice_whole_033", "Dice, whole ≥ 0.33", power=-2, better="high", decimals=1),
    Column("dice_core_060", "Dice, core ≥ 0.60", power=-2, better="high", decimals=1),
    Column("dice_whole_best", "Dice, whole, best threshold", power=-2, better="high", decimals=1),
)

_SEGMENTATION_COLUMNS = (
    _DICE_COLUMNS[0],
    _DICE_COLUMNS[2],
    Column("threshold_best", "at threshold (median)", better=None, decimals=2, average="median"),
    _DICE_COLUMNS[1],
    Column("hd95_whole_033_mm", "HD95, whole ≥ 0.33", "mm"),
)

_TRUTH_COLUMNS = (
    Column("mse_volume_truth", "MSE", power=-3),
    Column("ncc_volume_truth", "NCC", better="high", decimals=3),
    Column("mu_rho_relative_error", "Growth μ_ρ", "%", factor=100),
    Column("mu_d_relative_error", "Diffusion μ_D", "%", factor=100),
    Column("origin_error_mm", "Origin", "mm"),
)

#: The paper's own method with the highest Dice.
_PAPERS_BEST = "hybrid-com"

_DICE_NOTE = (
    "Dice: the concentration (grey and white matter only) cut at the threshold, with the tumour segmentation "
    "(whole: every label; core: all but oedema)."
)

_DOMAIN_NOTE = (
    "Domains: “whole volume” averages over the paper’s 240 × 240 × 155 mm, whatever the grid of the case, with the "
    "background counted as zeros; “crop” averages over the 128 mm cube about the tumour’s centre of mass, where MSE "
    "and MAE of the same tumour are 4.26 times as large. Both fields are zeroed outside grey and white matter. "
    "“norm.”: divided by the volume of the tumour compared with, in mm³."
)

_TIME_NOTE = (
    "Times are those measured in this run, on its own machine: the inversion alone, and with the final forward run. "
    "The paper’s (minutes, here in seconds; Quadro RTX 8000 and EPYC 7313) do not say whether they include the final "
    "run."
)


def write_tables(
    synthetic_dir: str | Path | None, patients_dir: str | Path | None, out_dir: str | Path, settings: PublishSettings
) -> None:
    """Write ``table1``, ``table2`` and ``table3`` as ``.csv``, ``.md``, ``.tex`` and ``.html``.

    Parameters
    ----------
    synthetic_dir, patients_dir
        ``evaluate/{cohort}`` folders with ``metrics``, ``summary`` and ``tests.parquet``. Without one, its tables hold
        the paper's rows alone and say so.
    out_dir
        Folder for the twelve files.
    settings
        Significance level and names of methods.
    """
    write_table1(synthetic_dir, out_dir, settings)
    write_table2(synthetic_dir, out_dir, settings)
    write_table3(patients_dir, out_dir, settings)


def write_table1(synthetic_dir: str | Path | None, out_dir: str | Path, settings: PublishSettings) -> None:
    """Errors of the recovered parameters on synthetic cases."""
    cohort, paper = Cohort.load(synthetic_dir), paper_table(1)
    # The oracle knows the parameters; it has no errors to show here.
    order = [method for method in _order(cohort, paper) if cohort.methods.get(method) != "oracle"]
    panel = _panel("", cohort, paper, order, _PARAMETER_COLUMNS, settings)
    smallest, largest = min(EXTENT_MM), max(EXTENT_MM)
    example = paper["gradient-surrogate"]
    printed = example.values["origin_error_fraction"]
    corrected = printed.standard_error * math.sqrt(3 / example.n)
    notes = [
        *common_notes(cohort, settings),
        "Errors of a rate are relative to its true value (MSE: mean square of the fraction); errors of the origin are "
        "the length of the offset, in mm and, as in the paper, with each axis in units of the volume’s extent "
        "(240 × 240 × 155 mm).",
        "Paper, units: its table heads the columns of the rates with “×10⁻³ %”; the released code computes plain "
        "relative fractions, so that 52.1 is 5.21 %, as printed here.",
        "Paper, origin: a fraction of an anisotropic volume has no one length in mm; the column in mm gives the range, "
        f"from an offset along z ({smallest:g} mm) to one across it ({largest:g} mm).",
        "Paper, origin: the printed errors seem to be divided by √3 (the axes) rather than by √n (the cases). If so, "
        f"{printed.mean * 1e3:.1f} ± {printed.standard_error * 1e3:.1f} means "
        f"± {corrected * 1e3:.1f}; they stand here as printed.",
    ]
    columns = (*_PARAMETER_COLUMNS, Column("origin_error_mm_squared", "Origin MSE", "mm²"))
    _write(out_dir, "table1", "Table 1. Recovered parameters, synthetic cases", [panel], notes, cohort, paper, columns)


def write_table2(synthetic_dir: str | Path | None, out_dir: str | Path, settings: PublishSettings) -> None:
    """Errors of the final forward run on synthetic cases."""
    cohort, paper = Cohort.load(synthetic_dir), paper_table(2)
    order = _order(cohort, paper)
    columns = (*_field_columns("volume"), *_TIME_COLUMNS)
    panels = [_panel("(a) Whole volume", cohort, paper, order, columns, settings)]
    panels += _more_panels(cohort, order, _field_columns("volume"), settings)
    notes = [
        *common_notes(cohort, settings),
        _DOMAIN_NOTE,
        _TIME_NOTE,
        *observation_notes(cohort, settings),
        *choice_notes(cohort, settings),
    ]
    if "oracle" in cohort.methods:
        notes.append(
            "Oracle: the final run with the true parameters. Its error comes from how cases are simulated and stored "
            "alone; a fit is as good as it can be when it reaches it."
        )
    notes += [
        "Paper: the solver’s CMA-ES ran on 25 of the 500 test cases, so its row and its tests rest on other cases than "
        "the rest; what the text calls the mean’s standard deviation is its standard error.",
        "Paper: by the text the hybrid keeps the candidate with the lower loss after the gradient search; the released "
        "code keeps, case by case, the one whose final run is closer to the truth, which no observation can tell.",
    ]
    shown = (*columns, *_field_columns("crop"), *_DICE_COLUMNS)
    _write(out_dir, "table2", "Table 2. Final tumour, synthetic cases", panels, notes, cohort, paper, shown)


def write_table3(patients_dir: str | Path | None, out_dir: str | Path, settings: PublishSettings) -> None:
    """How well methods that observe the patients' reference concentration reproduce it; and what Dice that gives."""
    cohort, paper = Cohort.load(patients_dir).that_observed("reference"), paper_table(3)
    order = _order(cohort, paper)
    columns = (*_field_columns("volume"), *_DICE_COLUMNS, *_TIME_COLUMNS)
    marked = _marked(settings, order, LIKE_THE_PAPER, "sees the segmentation")
    panels = [_panel("(a) Whole volume", cohort, paper, order, columns, marked)]
    panels += _more_panels(cohort, order, (*_field_columns("volume"), _DICE_COLUMNS[0]), marked)
    panels += _truth_panels(cohort, order, marked)
    notes = [
        "Reference-driven: the table measures how well a method reproduces a concentration that it is given, the final "
        "run of the reference method fitted to the segmentation; the methods marked so are given the segmentation, as "
        "in the paper, and are tested in the table of the segmentation-driven methods.",
        *common_notes(cohort, settings),
        _DOMAIN_NOTE,
        _TIME_NOTE,
    ]
    for method, role in cohort.methods.items():
        if role == "reference":
            notes.append(
                f"Errors are distances from the final run of {method_name(method, settings.method_names)}, the best "
                "estimate there is of a tumour that nobody can see, not from a truth; its own row has Dice scores only."
            )
    notes += [
        *observation_notes(cohort, settings),
        _DICE_NOTE,
        *choice_notes(cohort, settings),
        "Paper: 75 patients of BraTS 2021 that it does not name. Its direct and gradient methods observed the "
        "reference concentration that they are then scored against; GliODIL and LMI saw the segmentation alone.",
        "Paper: the Dice of 34 of the hybrid without COM hardly goes with its MSE and NCC, which are close to those of "
        "the direct inverse (Dice 57), and may be a misprint.",
        "COM: the paper words the use of the tumour’s centre of mass in three ways. Fixed: the origin is held there "
        "and is no unknown. Start: the search begins there. Swap: the search is free, and the centre of mass takes the "
        "origin’s place in the final run.",
    ]
    shown = (*columns, *_field_columns("crop"), *_TRUTH_COLUMNS)
    heading = "Table 3. Reference-driven fit to patients: how well a given concentration is reproduced"
    _write(out_dir, "table3", heading, panels, notes, cohort, paper, shown)


def write_segmentation_table(patients_dir: str | Path, out_dir: str | Path, settings: PublishSettings) -> None:
    """How well methods that observe the patients' segmentation explain it, and how far they agree.

    Writes ``table3-segmentation`` as ``.csv``, ``.md``, ``.tex`` and ``.html``.
    """
    cohort = Cohort.load(patients_dir).that_observed("segmentation")
    paper = {
        method: replace(row, values={name: row.values[name] for name in ("dice_whole_033", "wall_seconds")})
        for method, row in ((method, paper_table(3)[method]) for method in (*LIKE_THE_PAPER, _PAPERS_BEST))
    }
    order = _order(cohort, paper)
    agreement = [c for name in cohort.references for c in _agreement_columns(name, settings)]
    columns = (*_SEGMENTATION_COLUMNS, *agreement, _TIME_COLUMNS[0])
    papers_alone = [method for method in (_PAPERS_BEST,) if method not in cohort.methods]
    marked = _marked(settings, order, papers_alone, "sees the reference")
    panels = [_panel("", cohort, paper, order, columns, marked, marks=True)]
    panels += _shared_panels("(b) This run", cohort, order, columns, marked, "dice_whole_033", marks=True)
    panels += _truth_panels(cohort, order, marked)
    notes = [
        "Segmentation-driven: the table measures how well a method explains the segmentation that it is given, which "
        "is what a clinic has, and how far the methods agree where nobody can see the tumour.",
        *common_notes(cohort, settings),
        _DICE_NOTE,
        "Best threshold: the one of the Dice curve, or 0.33, at which a patient’s Dice is largest; it is chosen with "
        "the segmentation at hand and no forecast.",
        "HD95: the 95th percentile of the distances between both surfaces, the larger of the two directions. Where a "
        "concentration nowhere reaches the threshold there is no surface, and the patient is not in the mean.",
        "NCC and MSE with another method’s final run, over the paper’s 240 × 240 × 155 mm (grey and white matter), are "
        "agreement, not accuracy: they are not ranked or tested, and a method has none with itself.",
        *_field_notes(cohort, settings),
        _TIME_NOTE,
        *choice_notes(cohort, settings),
        "Paper: its Dice is that of 75 patients of BraTS 2021 that it does not name, other ones than here. Its own "
        "methods, of which the best stands here, observed the reference concentration and not the segmentation; LMI "
        "and GliODIL saw the segmentation.",
    ]
    shown = (*columns, Column("hd95_core_060_mm", "HD95, core ≥ 0.60", "mm"), *_TRUTH_COLUMNS)
    heading = "Table 3, segmentation-driven. Fit to patients from the segmentation alone"
    _write(out_dir, "table3-segmentation", heading, panels, notes, cohort, paper, shown)


def _field_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """What the Dice of methods without a growth model is worth, and of those that cut at thresholds of their own."""
    notes = []
    without = cohort.metrics[(cohort.metrics["final_integrator"] == "none") & cohort.metrics["mu_d_mm"].isna()]
    names = [method_name(str(method), settings.method_names) for method in without["method"].drop_duplicates()]
    if names:
        notes.append(
            f"{', '.join(names)}: a value for every voxel and no growth equation, so it can follow any outline. Its "
            "Dice shows what a smooth field can reach; it says nothing of how the tumour grew or will grow."
        )
    if "gliodil" in cohort.methods:
        notes.append(
            f"{method_name('gliodil', settings.method_names)} learns its own thresholds; for it the best threshold is "
            "the fairer column."
        )
    return notes


def _agreement_columns(reference: str, settings: PublishSettings) -> tuple[Column, Column]:
    """Agreement with the final run of a method taken for a reference; it has no better end."""
    name = method_name(reference, settings.method_names)
    return (
        Column(agreement_metric("ncc_volume", reference), f"NCC with {name}", better=None, decimals=3),
        Column(agreement_metric("mse_volume", reference), f"MSE from {name}", power=-3, better=None),
    )


def _marked(settings: PublishSettings, order: Sequence[str], methods: Sequence[str], remark: str) -> PublishSettings:
    """Settings with a name for every method of a table, and a remark behind some of them."""
    names = {method: method_name(method, settings.method_names) for method in order}
    names |= {method: f"{names[method]} ({remark})" for method in methods}
    return settings.model_copy(update={"method_names": names})


def _truth_panels(cohort: Cohort, order: Sequence[str], settings: PublishSettings) -> list[Panel]:
    """Errors of phantom patients against their own truth."""
    if cohort.metrics.empty or cohort.metrics["mse_volume_truth"].isna().all():
        return []
    known = cohort.metrics[cohort.metrics["mse_volume_truth"].notna()]
    part = cohort.on_cases(list(known["case"].unique()), list(cohort.methods))
    return [_panel("Phantom patients against their own truth", part, {}, order, _TRUTH_COLUMNS, settings, marks=True)]


def _order(cohort: Cohort, paper: Mapping[str, PaperRow]) -> list[str]:
    """Reference, the paper's rows in its order, the run's other methods in theirs, oracle."""
    methods = cohort.methods
    first = [method for method, role in methods.items() if role == "reference"]
    last = [method for method, role in methods.items() if role == "oracle"]
    rest = [method for method in methods if method not in paper and method not in (*first, *last)]
    return [*first, *(method for method in paper if method not in first), *rest, *last]


def _more_panels(
    cohort: Cohort, order: Sequence[str], columns: Sequence[Column], settings: PublishSettings
) -> list[Panel]:
    """The crop domain, and the cases all methods share if some methods have scores for fewer."""
    if cohort.metrics.empty:
        return []
    crop = [c for c in _field_columns("crop") if any(c.metric.replace("crop", "volume") == v.metric for v in columns)]
    panels = [_panel("(b) 128 mm crop, this run", cohort, {}, order, crop, settings)]
    return panels + _shared_panels("(c) Whole volume, this run", cohort, order, columns, settings, "mse_volume")


def _shared_panels(
    title: str,
    cohort: Cohort,
    order: Sequence[str],
    columns: Sequence[Column],
    settings: PublishSettings,
    metric: str,
    marks: bool = False,
) -> list[Panel]:
    """The cases that all methods have this score for, if some have scores for fewer."""
    scored = cohort.metrics[cohort.metrics[metric].notna()]
    per_case = scored.groupby("case")["method"].nunique()
    methods = list(scored["method"].unique())
    common = [str(case) for case in per_case.index[per_case == len(methods)]]
    if not 0 < len(common) < scored["case"].nunique():
        return []
    part = cohort.on_cases(common, methods)
    title += f", on the {len(common)} cases that every method has a score for"
    return [_panel(title, part, {}, order, columns, settings, marks)]


def _panel(
    title: str,
    cohort: Cohort,
    paper: Mapping[str, PaperRow],
    order: Sequence[str],
    columns: Sequence[Column],
    settings: PublishSettings,
    marks: bool = False,
) -> Panel:
    """Lines of every method: mean and median of this run, and the paper's numbers where it has any."""
    found = _lookup(cohort.summary)
    emphasis = _rank(cohort, columns, include_reference=marks)
    groups = []
    for method in order:
        lines = []
        label = method_name(method, settings.method_names)
        if method in cohort.methods:
            if cohort.methods[method] == "reference":
                label += " (reference)"
                if all(int(found[(method, column.metric)]["n"]) == 0 for column in columns):
                    continue
            lines += _own_lines(label, method, found, cohort, columns, emphasis, settings)
        if method in paper:
            lines += _paper_lines("" if lines else label, paper[method], columns)
        if lines:
            groups.append(lines)
    return Panel(title, columns, groups)


def _lookup(summary: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    if summary.empty:
        return {}
    return {(str(row["method"]), str(row["metric"])): row for _, row in summary.iterrows()}


def _rank(cohort: Cohort, columns: Sequence[Column], include_reference: bool = False) -> dict[tuple[str, str], str]:
    """Best and second best mean of each column among the run's methods; the oracle does not compete."""
    emphasis = {}
    roles = ("method", "reference") if include_reference else ("method",)
    for column in columns:
        if column.better is None or cohort.summary.empty:
            continue
        part = cohort.summary[(cohort.summary["metric"] == column.metric) & cohort.summary["role"].isin(roles)]
        part = part[part["mean"].notna()]
        places = sorted(part["mean"].unique(), reverse=column.better == "high")
        # Among fewer than three methods, or when all are equal, emphasis says nothing that the numbers do not.
        if len(part) < 3 or len(places) < 2:
            continue
        for method, mean in part[["method", "mean"]].to_numpy():
            if mean in places[:2]:
                emphasis[(str(method), column.metric)] = ("best", "second")[places.index(mean)]
    return emphasis


def _own_lines(
    label: str,
    method: str,
    found: Mapping[tuple[str, str], pd.Series],
    cohort: Cohort,
    columns: Sequence[Column],
    emphasis: Mapping[tuple[str, str], str],
    settings: PublishSettings,
) -> list[Line]:
    """Mean with standard error, and median, of this run."""
    rows = [found[(method, column.metric)] for column in columns]
    scores = [row for row in rows if row["metric"] not in ("wall_seconds", "total_wall_seconds")]
    n = max((int(row["n"]) for row in scores), default=0)
    failed = int(rows[0]["n_failed"])
    means = [
        Cell(
            column.text(row["median"])
            if column.average == "median"
            else column.text(row["mean"], row["standard_error"]),
            _emphasis(emphasis.get((method, column.metric))),
            _stars(cohort.tests, method, column.metric, settings.significance),
        )
        for column, row in zip(columns, rows, strict=True)
    ]
    lines = [Line(label, "this run", str(n), str(failed), means)]
    if n > 1:
        middle = [Cell(column.text(row["median"])) for column, row in zip(columns, rows, strict=True)]
        lines.append(Line("", "this run, median", "", "", middle))
    return lines


def _emphasis(place: str | None) -> Literal["best", "second"] | None:
    return "best" if place == "best" else "second" if place == "second" else None


def _stars(tests: pd.DataFrame, method: str, metric: str, significance: float) -> str:
    """``*`` by the paired t-test, ``†`` by the Wilcoxon test, both after Holm's correction."""
    if tests.empty:
        return ""
    row = tests[(tests["method"] == method) & (tests["metric"] == metric)]
    if row.empty:
        return ""
    marks = "*" if row["t_p_holm"].iloc[0] < significance else ""
    return marks + ("†" if row["wilcoxon_p_holm"].iloc[0] < significance else "")


def _paper_lines(label: str, row: PaperRow, columns: Sequence[Column]) -> list[Line]:
    """The paper's mean as printed, with its star, and its median where it gives one."""
    means, medians = [], []
    for column in columns:
        value = row.values.get(column.metric)
        fraction = row.values.get("origin_error_fraction")
        if value is None and column.metric == "origin_error_mm" and fraction is not None:
            means.append(Cell(_range_mm(fraction.mean)))
            medians.append(Cell(_range_mm(fraction.median)))
        elif value is None:
            means.append(Cell(MISSING))
            medians.append(Cell(MISSING))
        else:
            means.append(Cell(column.text(value.mean, value.standard_error), None, "*" if value.starred else ""))
            medians.append(Cell(column.text(value.median)))
    lines = [Line(label, "paper", str(row.n), "", means)]
    if any(math.isfinite(value.median) for value in row.values.values()):
        lines.append(Line("", "paper, median", "", "", medians))
    return lines


def _range_mm(fraction: float) -> str:
    """What a fraction of the 240 x 240 x 155 mm volume may be in mm."""
    return f"{fraction * min(EXTENT_MM):.1f}–{fraction * max(EXTENT_MM):.1f}"


def _write(
    out_dir: str | Path,
    name: str,
    heading: str,
    panels: Sequence[Panel],
    notes: Sequence[str],
    cohort: Cohort,
    paper: Mapping[str, PaperRow],
    columns: Sequence[Column],
) -> None:
    """Write one table in its four forms."""
    out_dir = Path(out_dir)
    cells = [cell.text for panel in panels for group in panel.groups for line in group for cell in line.cells]
    if any("·10" in cell for cell in cells):
        notes = [*notes, "A power of ten in a cell multiplies that of its column."]
    texts = {
        "md": to_markdown(heading, panels, notes),
        "html": to_html(heading, panels, notes),
        "tex": to_latex_table(heading, panels, notes, name),
        "csv": _csv(cohort, paper, columns).to_csv(index=False),
    }
    for suffix, text in texts.items():
        with atomic_path(out_dir / f"{name}.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _csv(cohort: Cohort, paper: Mapping[str, PaperRow], columns: Sequence[Column]) -> pd.DataFrame:
    """One row per method with its integrators, plain numbers in the metrics' own units, and the paper's beside them."""
    found = _lookup(cohort.summary)
    p_values = {(str(r["method"]), str(r["metric"])): r for _, r in cohort.tests.iterrows()}
    rows = []
    for method in _order(cohort, paper):
        row: dict[str, object] = {"method": method, "role": cohort.methods.get(method, "paper only")}
        for count in ("n_cases", "n_failed", "n_not_converged"):
            row[count] = found[(method, columns[0].metric)][count] if method in cohort.methods else None
        row["paper_n"] = paper[method].n if method in paper else None
        own_rows = cohort.metrics[cohort.metrics["method"] == method] if method in cohort.methods else pd.DataFrame()
        for kind in ("data_integrator", "final_integrator"):
            row[kind] = ", ".join(own_rows[kind].dropna().unique()) or None if kind in own_rows else None
        for column in columns:
            metric = column.metric
            own = found.get((method, metric))
            for statistic in ("n", "mean", "standard_error", "median", "ci_low", "ci_high"):
                row[f"{metric}_{statistic}"] = None if own is None else own[statistic]
            test = p_values.get((method, metric))
            for kind in ("t", "wilcoxon"):
                row[f"{metric}_{kind}_p_holm"] = None if test is None else test[f"{kind}_p_holm"]
            value = paper[method].values.get(metric) if method in paper else None
            row[f"paper_{metric}_mean"] = None if value is None else value.mean
            row[f"paper_{metric}_standard_error"] = None if value is None else value.standard_error
            row[f"paper_{metric}_median"] = None if value is None else value.median
        rows.append(row)
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    counts = [c for c in table if c.endswith("_n") or c.startswith("n_")]
    table[counts] = table[counts].astype("Int64")
    # Twelve digits: enough to compute on, and free of the last bit's noise (67.39999999999999).
    floats = table.select_dtypes("float").columns
    table[floats] = table[floats].map(lambda x: x if pd.isna(x) else float(f"{x:.12g}"))
    return table
