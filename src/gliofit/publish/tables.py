"""Tables 1, 2 and 3 with the paper's numbers; table 3 once for each observation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gliofit.evaluate.cohort import agreement_metric
from gliofit.growth.model import parameters_in
from gliofit.paper import EXTENT_MM, PaperRow, paper_table
from gliofit.publish.captions import CAPTIONS
from gliofit.publish.cohort import LIKE_THE_PAPER, Cohort
from gliofit.publish.notes import choice_notes, common_notes, observation_notes
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name
from gliofit.report.render import write_renderings
from gliofit.report.table import Column, Numbers, Table, rank
from gliofit.report.texts import notes

#: Formats of the tables of this stage.
FORMS = ("json", "csv", "md", "tex", "html")

_LINES = ("this run", "this run, median", "paper", "paper, median")

_STATISTICS = ("n", "mean", "standard_error", "median", "ci_low", "ci_high")


def metric(name: str, label: str, unit: str = "", average: str = "mean", **options: Any) -> Column:
    """Create the column of a metric with mean and error, median, and the paper's values.

    Parameters
    ----------
    name, label, unit
        Metric of the evaluate stage, and its heading.
    average
        Content of the first line: ``mean`` or ``median``.
    **options
        Further fields of ``Column``; smaller is better unless ``better`` is set.
    """
    error = f"{name}_standard_error" if average == "mean" else ""
    paper = f"paper_{name}"
    numbers = (
        Numbers(f"{name}_{average}", error, rank=f"{name}.rank", marks=f"{name}.marks"),
        Numbers(f"{name}_median"),
        Numbers(f"{paper}_mean", f"{paper}_standard_error", f"{paper}.low", f"{paper}.high", marks=f"{paper}.marks"),
        Numbers(f"{paper}_median", "", f"{paper}.median_low", f"{paper}.median_high"),
    )
    return Column(label, numbers, unit, **({"better": "low"} | options))


_COUNTS = (
    Column("Method", (Numbers("method.label"),)),
    Column("n", (Numbers("n.own"), None, Numbers("paper_n")), format=",.0f"),
    Column("failed", (Numbers("n_failed"),), format=",.0f"),
)


def _field_columns(domain: str) -> tuple[Column, ...]:
    """Return the paper's field metrics; both domains have the same units."""
    group = {"volume": "Whole volume", "crop": "Crop of 128 mm"}[domain]
    return (
        metric(f"mse_{domain}", "MSE", power=-3, group=group),
        metric(f"mae_{domain}", "MAE", power=-3, group=group),
        metric(f"mse_{domain}_normalised", "MSE norm.", "per mm³", power=-8, group=group),
        metric(f"mae_{domain}_normalised", "MAE norm.", "per mm³", power=-8, group=group),
        metric(f"ncc_{domain}", "NCC", better="high", format=".3f", group=group),
    )


def _parameter_columns(cohort: Cohort) -> tuple[Column, ...]:
    """Return the columns of errors of parameters and origin, in the order of the paper."""
    columns = [
        column
        for p in reversed(parameters_in(cohort.metrics))
        for column in (
            metric(f"{p.name}_relative_error_squared", f"{p.heading} MSE", power=-3, group=p.heading),
            metric(f"{p.name}_relative_error", f"{p.heading} MAE", "%", factor=100, group=p.heading),
        )
    ]
    return (
        *columns,
        metric("origin_error_fraction_squared", "Origin MSE", "extents²", power=-3, group="Origin"),
        metric("origin_error_fraction", "Origin MAE", "extents", power=-3, group="Origin"),
        metric("origin_error_mm", "Origin MAE", "mm", group="Origin"),
    )


_TIME_COLUMNS = (
    metric("wall_seconds", "Inversion", "s", group="Time"),
    metric("total_wall_seconds", "with forward simulation", "s", group="Time"),
)

_DICE: dict[str, Any] = {"power": -2, "better": "high", "format": ".1f", "group": "Segmentation"}
_DICE_COLUMNS = (
    metric("dice_whole_033", "Dice, whole ≥ 0.33", **_DICE),
    metric("dice_core_060", "Dice, core ≥ 0.60", **_DICE),
    metric("dice_whole_best", "Dice, whole, best threshold", **_DICE),
)

_SEGMENTATION_COLUMNS = (
    _DICE_COLUMNS[0],
    _DICE_COLUMNS[2],
    metric("threshold_best", "at threshold (median)", "", "median", better=None, format=".2f", group="Segmentation"),
    _DICE_COLUMNS[1],
    metric("hd95_whole_033_mm", "HD95, whole ≥ 0.33", "mm", group="Segmentation"),
)


def _truth_columns(cohort: Cohort) -> tuple[Column, ...]:
    """Return the columns of errors of phantoms."""
    return (
        metric("mse_volume_truth", "MSE", power=-3, group="Whole volume"),
        metric("ncc_volume_truth", "NCC", better="high", format=".3f", group="Whole volume"),
        *(
            metric(f"{p.name}_relative_error", p.heading, "%", factor=100, group="Parameters")
            for p in reversed(parameters_in(cohort.metrics))
        ),
        metric("origin_error_mm", "Origin", "mm", group="Parameters"),
    )


#: The paper's method with the highest Dice, and its numbers shown in the table of segmentation-driven fits.
_PAPERS_BEST, _PRINTED_SEGMENTATION = "hybrid-com", ("dice_whole_033", "wall_seconds")


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a table: methods of the run and of the paper, in order.

    The oracle is not ranked; the reference method only with ``rank_reference``.
    """

    cohort: Cohort
    paper: Mapping[str, PaperRow]
    settings: PublishSettings
    order: Sequence[str]
    rank_reference: bool = False

    @classmethod
    def of(cls, cohort: Cohort, paper: Mapping[str, PaperRow], settings: PublishSettings) -> _Rows:
        """Order rows: reference, the paper's rows, other methods of the run, oracle."""
        methods = cohort.methods
        first = [method for method, role in methods.items() if role == "reference"]
        last = [method for method, role in methods.items() if role == "oracle"]
        rest = [method for method in methods if method not in paper and method not in (*first, *last)]
        order = [*first, *(method for method in paper if method not in first), *rest, *last]
        return cls(cohort, paper, settings, order)

    def name(self, method: str) -> str:
        """Printed name."""
        return method_name(method, self.settings.method_names)

    def with_remark(self, methods: Sequence[str], remark: str) -> _Rows:
        """Return the rows with a remark after some names."""
        names = {m: self.name(m) for m in self.order} | {m: f"{self.name(m)} ({remark})" for m in methods}
        return replace(self, settings=self.settings.model_copy(update={"method_names": names}))

    def run_panel(self, title: str, columns: Sequence[Column], cohort: Cohort | None = None, **options: Any) -> Table:
        """Create a panel without the paper's numbers."""
        return replace(self, cohort=cohort or self.cohort, paper={}, **options).panel(title, columns)

    def further_panels(self, columns: Sequence[Column]) -> list[Table]:
        """Create the panels of the crop, and of the cases with scores of all methods if these differ."""
        if self.cohort.metrics.empty:
            return []
        crop = [c for c in _field_columns("crop") if any(c.name.replace("crop", "volume") == v.name for v in columns)]
        shared = self.shared_panels("(c) Whole volume, this run", columns, "mse_volume")
        return [self.run_panel("(b) 128 mm crop, this run", crop), *shared]

    def shared_panels(self, title: str, columns: Sequence[Column], score: str) -> list[Table]:
        """Create a panel of the cases with scores of all methods, if some methods lack scores."""
        scored = self.cohort.metrics[self.cohort.metrics[score].notna()]
        per_case = scored.groupby("case")["method"].nunique()
        methods = list(scored["method"].unique())
        common = [str(case) for case in per_case.index[per_case == len(methods)]]
        if not 0 < len(common) < scored["case"].nunique():
            return []
        title += f", on the {len(common)} cases with scores of all methods"
        return [self.run_panel(title, columns, self.cohort.on_cases(common, methods))]

    def truth_panels(self) -> list[Table]:
        """Create the panel of errors of phantom patients."""
        metrics = self.cohort.metrics
        if metrics.empty or metrics["mse_volume_truth"].isna().all():
            return []
        cases = list(metrics.loc[metrics["mse_volume_truth"].notna(), "case"].unique())
        part = self.cohort.on_cases(cases, list(self.cohort.methods))
        title = "Phantom patients, errors relative to their ground truth"
        return [self.run_panel(title, _truth_columns(self.cohort), part, rank_reference=True)]

    def panel(self, title: str, columns: Sequence[Column]) -> Table:
        """Create the rows of all methods: mean and median of this run, and the paper's numbers."""
        metrics = [_metric_of(column) for column in columns]
        frame = self.frame(metrics)
        reference = frame["role"] == "reference"
        frame["method.label"] = [
            self.name(method) + (" (reference)" if is_reference else "")
            for method, is_reference in zip(frame["method"], reference, strict=True)
        ]
        frame["n.own"] = frame[[f"{name}_n" for name in metrics if "wall_seconds" not in name]].max(axis=1)
        unscored = frame[[f"{name}_n" for name in metrics]].max(axis=1) == 0
        frame = frame[~(reference & unscored)].reset_index(drop=True)
        competes = frame["role"].isin(("method", "reference") if self.rank_reference else ("method",))
        for name, column in zip(metrics, columns, strict=True):
            frame[f"{name}.rank"] = rank(frame[f"{name}_mean"].where(competes), column.better)
            marks = pd.Series("", frame.index)
            for mark, test in (("*", "t"), ("†", "wilcoxon")):
                marks += np.where(frame[f"{name}_{test}_p_holm"] < self.settings.significance, mark, "")
            frame[f"{name}.marks"] = marks
            values = [
                self.paper[method].values.get(name) if method in self.paper else None for method in frame["method"]
            ]
            frame[f"paper_{name}.marks"] = ["*" if value is not None and value.starred else "" for value in values]
        if "origin_error_mm" in metrics:
            # A fraction of an anisotropic volume has no unique length in mm.
            for statistic, prefix in (("mean", ""), ("median", "median_")):
                for end, extent in (("low", min(EXTENT_MM)), ("high", max(EXTENT_MM))):
                    fraction = frame.get(f"paper_origin_error_fraction_{statistic}", np.nan)
                    frame[f"paper_origin_error_mm.{prefix}{end}"] = fraction * extent
        if not (frame["n.own"] > 1).any():
            columns = [replace(c, numbers=(c.numbers[0], None, *c.numbers[2:])) for c in columns]
        return Table(title, frame, (*_COUNTS, *columns), _LINES)

    def frame(self, metrics: Sequence[str]) -> pd.DataFrame:
        """Return one row per method with plain numbers in the units of the metrics, and the paper's."""
        cohort = self.cohort
        summary, tests = (
            {(row["method"], row["metric"]): row for row in table.to_dict("records")}
            for table in (cohort.summary, cohort.tests)
        )
        rows = []
        for method in (method for method in self.order if method in cohort.methods or method in self.paper):
            row: dict[str, object] = {"method": method, "role": cohort.methods.get(method, "paper only")}
            counts = summary.get((method, metrics[0]), {})
            row |= {count: counts.get(count) for count in ("n_cases", "n_failed", "n_not_converged")}
            printed = self.paper.get(method)
            row["paper_n"] = printed.n if printed else None
            for kind in ("data_integrator", "final_integrator"):
                integrators = cohort.metrics.loc[cohort.metrics["method"] == method, kind] if cohort.methods else ()
                row[kind] = ", ".join(dict.fromkeys(name for name in integrators if isinstance(name, str))) or None
            for name in metrics:
                scores, test = summary.get((method, name), {}), tests.get((method, name), {})
                row |= {f"{name}_{statistic}": scores.get(statistic) for statistic in _STATISTICS}
                row |= {f"{name}_{kind}_p_holm": test.get(f"{kind}_p_holm", math.nan) for kind in ("t", "wilcoxon")}
                value = printed.values.get(name) if printed else None
                for statistic in ("mean", "standard_error", "median"):
                    row[f"paper_{name}_{statistic}"] = getattr(value, statistic, None)
            rows.append(row)
        table = pd.DataFrame(rows)
        whole = [name for name in table if name.endswith("_n") or name.startswith("n_")]
        ends = ("mean", "error", "median", "low", "high", "holm")
        numbers = [name for name in table if name.rpartition("_")[2] in ends]
        return table.astype(dict.fromkeys(whole, "Int64")).astype(dict.fromkeys(numbers, "float64")).copy()

    def table(
        self, name: str, heading: str, panels: Sequence[Table], footnotes: Sequence[str], columns: Sequence[Column]
    ) -> Table:
        """Combine panels to a table with a frame of all numbers for CSV."""
        texts = [cell.text for panel in panels for row in panel.grid().rows for cell in row]
        more = notes("powers") if any("·10" in text for text in texts) else ()
        frame = self.frame([_metric_of(column) for column in columns]).dropna(axis=1, how="all")
        return Table(heading, frame, (), caption=CAPTIONS[name], footnotes=(*footnotes, *more), panels=tuple(panels))


def _metric_of(column: Column) -> str:
    """Return the metric of a column."""
    return column.name.rpartition("_")[0]


def _table1(cohort: Cohort, settings: PublishSettings) -> Table:
    """Create table 1: errors of estimated parameters on synthetic cases."""
    rows, shown = _Rows.of(cohort, paper_table(1), settings), _parameter_columns(cohort)
    # The oracle has no errors in parameters.
    order = [method for method in rows.order if cohort.methods.get(method) != "oracle"]
    example = rows.paper["gradient-surrogate"]
    printed = example.values["origin_error_fraction"]
    corrected = printed.standard_error * math.sqrt(3 / example.n)
    errors = {"mean": printed.mean * 1e3, "error": printed.standard_error * 1e3, "corrected": corrected * 1e3}
    texts = notes("table1", smallest=min(EXTENT_MM), largest=max(EXTENT_MM), **errors)
    heading, panel = "Table 1. Estimated parameters, synthetic cases", replace(rows, order=order).panel("", shown)
    columns = (*shown, metric("origin_error_mm_squared", "Origin MSE", "mm²"))
    return rows.table("table1", heading, [panel], [*common_notes(cohort, settings), *texts], columns)


def _table2(cohort: Cohort, settings: PublishSettings) -> Table:
    """Create table 2: errors of the forward simulation on synthetic cases."""
    rows = _Rows.of(cohort, paper_table(2), settings)
    columns = (*_field_columns("volume"), *_TIME_COLUMNS)
    panels = [rows.panel("(a) Whole volume", columns), *rows.further_panels(_field_columns("volume"))]
    texts = [
        *common_notes(cohort, settings), *notes("domains"), *notes("times"), *observation_notes(cohort, settings),
        *choice_notes(cohort, settings), *(notes("oracle") if "oracle" in cohort.methods else ()), *notes("table2"),
    ]  # fmt: skip
    shown = (*columns, *_field_columns("crop"), *_DICE_COLUMNS)
    return rows.table("table2", "Table 2. Forward simulation, synthetic cases", panels, texts, shown)


def _table3(patients: Cohort, settings: PublishSettings) -> Table:
    """Create table 3: errors of methods that observe the reference concentration, and their Dice."""
    cohort = patients.with_observation("reference")
    rows = _Rows.of(cohort, paper_table(3), settings)
    columns = (*_field_columns("volume"), *_DICE_COLUMNS, *_TIME_COLUMNS)
    marked = rows.with_remark(LIKE_THE_PAPER, "observes the segmentation")
    panels = [marked.panel("(a) Whole volume", columns)]
    panels += [*marked.further_panels((*_field_columns("volume"), _DICE_COLUMNS[0])), *marked.truth_panels()]
    references = [rows.name(method) for method, role in cohort.methods.items() if role == "reference"]
    texts = [
        *notes("reference-driven"), *common_notes(cohort, settings), *notes("domains"), *notes("times"),
        *(text for name in references for text in notes("reference-method", name=name)),
        *observation_notes(cohort, settings), *notes("dice"), *choice_notes(cohort, settings), *notes("table3"),
    ]  # fmt: skip
    shown = (*columns, *_field_columns("crop"), *_truth_columns(cohort))
    heading = "Table 3. Reference-driven fit to patients: errors relative to the reference concentration"
    return rows.table("table3", heading, panels, texts, shown)


def _segmentation_table(patients: Cohort, settings: PublishSettings) -> Table:
    """Create table 3 of methods that observe the segmentation: Dice, distances and agreement."""
    cohort, printed = patients.with_observation("segmentation"), paper_table(3)
    paper = {
        method: replace(printed[method], values={n: printed[method].values[n] for n in _PRINTED_SEGMENTATION})
        for method in (*LIKE_THE_PAPER, _PAPERS_BEST)
    }
    rows = replace(_Rows.of(cohort, paper, settings), rank_reference=True)
    agreement = [c for name in cohort.references for c in _agreement_columns(name, settings)]
    columns = (*_SEGMENTATION_COLUMNS, *agreement, _TIME_COLUMNS[0])
    marked = rows.with_remark([m for m in (_PAPERS_BEST,) if m not in cohort.methods], "observes the reference")
    panels = [marked.panel("", columns), *marked.shared_panels("(b) This run", columns, "dice_whole_033")]
    panels += marked.truth_panels()
    without = cohort.metrics.loc[cohort.free_fields, "method"].drop_duplicates() if cohort.methods else ()
    free = ", ".join(rows.name(str(method)) for method in without)
    texts = [
        *notes("segmentation-driven"), *common_notes(cohort, settings), *notes("dice"), *notes("table3-segmentation"),
        *(notes("free-fields", names=free) if free else ()),
        *(notes("own-thresholds", name=rows.name("gliodil")) if "gliodil" in cohort.methods else ()), *notes("times"),
        *choice_notes(cohort, settings), *notes("paper-segmentation"),
    ]  # fmt: skip
    shown = (*columns, metric("hd95_core_060_mm", "HD95, core ≥ 0.60", "mm"), *_truth_columns(cohort))
    heading = "Table 3, segmentation-driven. Fit to patients from the segmentation alone"
    return rows.table("table3-segmentation", heading, panels, texts, shown)


def _agreement_columns(reference: str, settings: PublishSettings) -> tuple[Column, Column]:
    """Return a column of agreement with a reference method; neither direction is better."""
    name = method_name(reference, settings.method_names)
    return (
        metric(agreement_metric("ncc_volume", reference), f"NCC with {name}", better=None, format=".3f"),
        metric(agreement_metric("mse_volume", reference), f"MSE from {name}", power=-3, better=None),
    )


#: Tables by the name of their files.
TABLES: Mapping[str, Callable[[Cohort, PublishSettings], Table]] = MappingProxyType(
    {"table1": _table1, "table2": _table2, "table3": _table3, "table3-segmentation": _segmentation_table}
)


def write_paper_table(name: str, evaluation: str | Path | None, out_dir: str | Path, settings: PublishSettings) -> None:
    """Write a table as ``.json``, ``.csv``, ``.md``, ``.tex`` and ``.html``.

    Parameters
    ----------
    name
        Key of ``TABLES``: tables 1 and 2 show the synthetic cohort, the others patients.
    evaluation
        ``evaluate/{cohort}`` folder; without one the table shows only the paper's rows.
    out_dir
        Folder to write to.
    settings
        Significance level and names of methods.
    """
    write_renderings(TABLES[name](Cohort.load(evaluation), settings), out_dir, name, FORMS)
