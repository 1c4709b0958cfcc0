"""Tables 1, 2 and 3: this run's numbers above the paper's, as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from gliofit.evaluate.cohort import summarise
from gliofit.evaluate.metrics import VOLUME_MM
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.io import atomic_path, read_table
from gliofit.publish.names import method_name
from gliofit.publish.numbers import MISSING
from gliofit.publish.panel import Cell, Column, Line, Panel, to_html, to_latex_table, to_markdown
from gliofit.publish.paper_values import PAPER_TABLES, PaperRow
from gliofit.publish.settings import PublishSettings

__all__ = ["write_table1", "write_table2", "write_table3", "write_tables"]


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

_TRUTH_COLUMNS = (
    Column("mse_volume_truth", "MSE", power=-3),
    Column("ncc_volume_truth", "NCC", better="high", decimals=3),
    Column("mu_rho_relative_error", "Growth μ_ρ", "%", factor=100),
    Column("mu_d_relative_error", "Diffusion μ_D", "%", factor=100),
    Column("origin_error_mm", "Origin", "mm"),
)

_OBSERVED = {
    "concentration": "the concentration",
    "reference": "the reference concentration",
    "segmentation": "the tumour segmentation",
}

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


@dataclass(frozen=True, eq=False)
class _Cohort:
    """The evaluate stage's tables of one cohort; all empty when the cohort is not part of the run."""

    metrics: pd.DataFrame
    summary: pd.DataFrame
    tests: pd.DataFrame

    @classmethod
    def load(cls, folder: str | Path | None) -> _Cohort:
        if folder is None:
            return cls(pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
        return cls(*(read_table(Path(folder) / f"{name}.parquet") for name in ("metrics", "summary", "tests")))

    @property
    def methods(self) -> dict[str, str]:
        """Methods of the run in the order of its rows, with their roles."""
        if self.metrics.empty:
            return {}
        return {str(m): str(r) for m, r in self.metrics[["method", "role"]].drop_duplicates("method").to_numpy()}

    @property
    def against(self) -> str | None:
        """The method that the others were tested against."""
        return None if self.tests.empty else str(self.tests["against"].iloc[0])

    def on_cases(self, cases: Sequence[str], methods: Sequence[str]) -> _Cohort:
        """The same tables for some cases and methods; without tests, which were made on all cases."""
        metrics = self.metrics[self.metrics["case"].isin(cases) & self.metrics["method"].isin(methods)]
        # Intervals are not printed in panels of subsets, so the fewest resamples do.
        summary = summarise(metrics, EvaluateSettings.model_validate({"bootstrap_samples": 100}))
        return _Cohort(metrics, summary, pd.DataFrame(columns=self.tests.columns))


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
    cohort, paper = _Cohort.load(synthetic_dir), PAPER_TABLES["table1"]
    # The oracle knows the parameters; it has no errors to show here.
    order = [method for method in _order(cohort, paper) if cohort.methods.get(method) != "oracle"]
    panel = _panel("", cohort, paper, order, _PARAMETER_COLUMNS, settings)
    smallest, largest = min(VOLUME_MM), max(VOLUME_MM)
    example = paper["gradient-surrogate"]
    printed = example.values["origin_error_fraction"]
    corrected = printed.standard_error * math.sqrt(3 / example.n)
    notes = [
        *_common_notes(cohort, paper, settings),
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
    cohort, paper = _Cohort.load(synthetic_dir), PAPER_TABLES["table2"]
    order = _order(cohort, paper)
    columns = (*_field_columns("volume"), *_TIME_COLUMNS)
    panels = [_panel("(a) Whole volume", cohort, paper, order, columns, settings)]
    panels += _more_panels(cohort, order, _field_columns("volume"), settings)
    notes = [
        *_common_notes(cohort, paper, settings),
        _DOMAIN_NOTE,
        _TIME_NOTE,
        *_observation_notes(cohort, settings),
        *_choice_notes(cohort, settings),
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
    """Fit to patients, relative to the reference method, and Dice with the segmentation."""
    cohort, paper = _Cohort.load(patients_dir), PAPER_TABLES["table3"]
    order = _order(cohort, paper)
    columns = (*_field_columns("volume"), *_DICE_COLUMNS, *_TIME_COLUMNS)
    panels = [_panel("(a) Whole volume", cohort, paper, order, columns, settings)]
    panels += _more_panels(cohort, order, (*_field_columns("volume"), _DICE_COLUMNS[0]), settings)
    if not cohort.metrics.empty and cohort.metrics["mse_volume_truth"].notna().any():
        known = cohort.metrics[cohort.metrics["mse_volume_truth"].notna()]
        part = cohort.on_cases(list(known["case"].unique()), list(cohort.methods))
        panels.append(
            _panel("Phantom patients against their own truth", part, {}, order, _TRUTH_COLUMNS, settings, marks=True)
        )
    notes = [*_common_notes(cohort, paper, settings), _DOMAIN_NOTE, _TIME_NOTE]
    for method, role in cohort.methods.items():
        if role == "reference":
            notes.append(
                f"Errors are distances from the final run of {method_name(method, settings.method_names)}, the best "
                "estimate there is of a tumour that nobody can see, not from a truth; its own row has Dice scores only."
            )
    notes += [
        *_observation_notes(cohort, settings),
        "Dice: the concentration (grey and white matter only) cut at the threshold, with the tumour segmentation "
        "(whole: every label; core: all but oedema).",
        *_choice_notes(cohort, settings),
        "Paper: 75 patients of BraTS 2021 that it does not name. Its direct and gradient methods observed the "
        "reference concentration that they are then scored against; GliODIL and LMI saw the segmentation alone.",
        "Paper: the Dice of 34 of the hybrid without COM hardly goes with its MSE and NCC, which are close to those of "
        "the direct inverse (Dice 57), and may be a misprint.",
        "COM: the origin is fixed at the tumour’s centre of mass. Here it is taken out of the unknowns; the paper’s "
        "text describes it in several ways.",
    ]
    shown = (*columns, *_field_columns("crop"), *_TRUTH_COLUMNS)
    _write(out_dir, "table3", "Table 3. Fit to patients", panels, notes, cohort, paper, shown)


def _order(cohort: _Cohort, paper: Mapping[str, PaperRow]) -> list[str]:
    """Reference, the paper's rows in its order, the run's other methods in theirs, oracle."""
    methods = cohort.methods
    first = [method for method, role in methods.items() if role == "reference"]
    last = [method for method, role in methods.items() if role == "oracle"]
    rest = [method for method in methods if method not in paper and method not in (*first, *last)]
    return [*first, *(method for method in paper if method not in first), *rest, *last]


def _more_panels(
    cohort: _Cohort, order: Sequence[str], columns: Sequence[Column], settings: PublishSettings
) -> list[Panel]:
    """The crop domain, and the cases all methods share if some methods have scores for fewer."""
    if cohort.metrics.empty:
        return []
    crop = [c for c in _field_columns("crop") if any(c.metric.replace("crop", "volume") == v.metric for v in columns)]
    panels = [_panel("(b) 128 mm crop, this run", cohort, {}, order, crop, settings)]
    scored = cohort.metrics[cohort.metrics["mse_volume"].notna()]
    per_case = scored.groupby("case")["method"].nunique()
    methods = list(scored["method"].unique())
    common = [str(case) for case in per_case.index[per_case == len(methods)]]
    if 0 < len(common) < scored["case"].nunique():
        part = cohort.on_cases(common, methods)
        title = f"(c) Whole volume, this run, on the {len(common)} cases that every method has a score for"
        panels.append(_panel(title, part, {}, order, columns, settings))
    return panels


def _panel(
    title: str,
    cohort: _Cohort,
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


def _rank(cohort: _Cohort, columns: Sequence[Column], include_reference: bool = False) -> dict[tuple[str, str], str]:
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
    cohort: _Cohort,
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
            column.text(row["mean"], row["standard_error"]),
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
    return f"{fraction * min(VOLUME_MM):.1f}–{fraction * max(VOLUME_MM):.1f}"


def _common_notes(cohort: _Cohort, paper: Mapping[str, PaperRow], settings: PublishSettings) -> list[str]:
    """What the numbers are, what the marks mean, and how far few cases carry."""
    if cohort.metrics.empty:
        return ["This cohort is not part of the run: the table holds the paper’s numbers alone."]
    scored = cohort.metrics[cohort.metrics["role"] == "method"]
    n = int(scored["case"].nunique())
    run = str(cohort.metrics["run"].iloc[0])
    notes = [
        f"This run: “{run}”, {n} {'case' if n == 1 else 'cases'}. Mean ± standard error over the n cases with a score, "
        "then the median; failed cases have none and enter no mean. Bold: best, underlined: second best mean of this "
        "run’s methods.",
        _integrator_note(cohort),
    ]
    unsettled = scored[scored["status"] == "not-converged"].groupby("method", sort=False).size()
    if len(unsettled):
        counts = ", ".join(f"{method_name(str(m), settings.method_names)} {k}" for m, k in unsettled.items())
        notes.append(f"Scored although the search had not converged within its budget (cases): {counts}.")
    if cohort.against is not None:
        others = int(cohort.tests["method"].nunique())
        against = method_name(cohort.against, settings.method_names)
        notes.append(
            f"* paired t-test, † Wilcoxon signed-rank test, each against {against} on the cases "
            f"both have, p < {settings.significance:g} after Holm’s correction over {others} "
            f"{'method' if others == 1 else 'methods'}. In the paper’s lines * is its own uncorrected paired t-test."
        )
    else:
        notes.append("No tests: the method that the others are tested against is not part of the run.")
    if n < 30:
        smallest = min(1.0, 2.0 ** (1 - n))
        caveat = f"Few cases (n = {n}): means and standard errors depend on single cases, and t-tests on normality"
        if cohort.against is not None and smallest >= settings.significance:
            caveat += (
                f"; no Wilcoxon test of {n} {'pair' if n == 1 else 'pairs'} can give a p below {smallest:.2g}, so † "
                "cannot occur"
            )
        notes.append(caveat + ". Read them as an illustration, not as a ranking.")
    notes.append(
        "The paper’s lines come from its own cases and machine: they show the size of its errors and are not paired "
        "with this run’s."
    )
    return notes


def _integrator_note(cohort: _Cohort) -> str:
    """Which forward integrators made the data, where they are simulated, and the final runs."""
    parts = []
    for column, what in (("data_integrator", "simulated data"), ("final_integrator", "final runs")):
        names = cohort.metrics[column].dropna().drop_duplicates() if column in cohort.metrics else []
        if len(names):
            parts.append(f"{what}: {', '.join(str(name) for name in names)}")
        elif column == "final_integrator":
            parts.append(f"{what}: not recorded")
    return f"Forward integrators – {'; '.join(parts)}."


def _observation_notes(cohort: _Cohort, settings: PublishSettings) -> list[str]:
    """Which methods were given what to fit."""
    if cohort.metrics.empty:
        return []
    table = cohort.metrics[cohort.metrics["observation"].notna()]
    parts = []
    for observation, group in table.groupby("observation", sort=False):
        names = [method_name(str(m), settings.method_names) for m in group["method"].unique()]
        parts.append(f"{_OBSERVED.get(str(observation), str(observation))}: {', '.join(names)}")
    return [f"Observed by the methods – {'; '.join(parts)}."] if parts else []


def _choice_notes(cohort: _Cohort, settings: PublishSettings) -> list[str]:
    """What each hybrid method chose, and how often that was right."""
    notes = []
    for method in cohort.methods:
        rows = cohort.metrics[cohort.metrics["method"] == method]
        chosen = rows["chosen"].dropna()
        if chosen.empty:
            continue
        counts = ", ".join(f"{kind} {count}" for kind, count in chosen.value_counts().sort_index().items())
        note = (
            f"{method_name(method, settings.method_names)} keeps, of the direct estimate and the gradient search "
            f"started from it, the candidate with the lower surrogate loss on the observation (chosen: {counts})"
        )
        judged = rows["choice_was_better"].dropna()
        if len(judged):
            share = float(judged.astype(float).mean())
            note += (
                f"; in {int(judged.sum())} of {len(judged)} cases ({100 * share:.0f} %) that was also the one with the "
                "lower MSE of the final run"
            )
        notes.append(note + ".")
    return notes


def _write(
    out_dir: str | Path,
    name: str,
    heading: str,
    panels: Sequence[Panel],
    notes: Sequence[str],
    cohort: _Cohort,
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


def _csv(cohort: _Cohort, paper: Mapping[str, PaperRow], columns: Sequence[Column]) -> pd.DataFrame:
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
