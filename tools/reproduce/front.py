"""Tables of the README from records of runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.paper import paper_table
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING
from gliofit.report.render import markdown_grid
from gliofit.report.table import Column, column, text_table
from tools.reproduce.sources import Records, patient_sources, read_records, synthetic_sources

TABLE2, TABLE3 = paper_table(2), paper_table(3)

BEGIN, END = "<!-- results: made by `make reproduction` -->\n", "<!-- end of results -->\n"

_MSE = column("mse_volume", "MSE", power=-3)
_SYNTHETIC = (
    _MSE,
    column("mu_rho_relative_error", "μ_ρ error", "%", factor=100),
    column("mu_d_relative_error", "μ_D error", "%", factor=100),
    column("origin_error_mm", "origin error", "mm"),
    column("wall_seconds", "time", "s"),
)
_DICE = column("dice_whole_033", "Dice, whole at 0.33", format=".2f")
_PATIENTS = (
    _DICE,
    column("dice_core_060", "Dice, core at 0.6", format=".2f"),
    column("hd95_whole_033_mm", "HD95", "mm"),
    column("ncc_volume_vs_cmaes-solver", "NCC with CMA-ES on solver", format=".3f"),
    column("wall_seconds", "time", "s"),
)


def front_text(readme: str, records_dir: Path) -> str:
    """Return the README with updated tables.

    Parameters
    ----------
    readme
        Its text, with the two marker lines.
    records_dir
        Folder with the records of runs ``demo`` and ``brats``.

    Raises
    ------
    InputError
        If a marker or a record is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError("README", "has no markers for results", f"add the lines {BEGIN.strip()} and {END.strip()}")
    records = read_records(records_dir)
    for name in ("demo", "brats"):
        if name not in records:
            raise InputError(records_dir, f"contains no record of run {name}", "run python -m tools.reproduce record")
    return f"{before}{begin}{_synthetic(records)}\n\n{_patients(records)}\n{end}{after}"


def _synthetic(records: Records) -> str:
    source = next(source for source in synthetic_sources(records) if source.label == "demo")
    rows = []
    for method, entry in source.methods.items():
        paper = TABLE2[method].values.get(_MSE.name) if method in TABLE2 else None
        rows.append([method_name(method), *_means(entry["values"], _SYNTHETIC)])
        rows[-1].append(_MSE.text(paper.mean) if paper else MISSING)
    headings = ["method", *(c.plain_heading for c in _SYNTHETIC), "paper’s MSE (×10⁻³)"]
    return (
        f"**`make demo`**, {_machine(records, 'demo')}: {source.scale}, concentration observed, scored by a forward "
        "simulation with each estimate. Means; mean squared errors over 240 × 240 × 155 mm. The paper’s numbers "
        f"come from other tumours on another machine.\n\n{markdown_grid(text_table(headings, rows))}"
    )


def _patients(records: Records) -> str:
    source = next(source for source in patient_sources(records, "segmentation") if source.label == "brats")
    rows = []
    for method, entry in source.methods.items():
        name = method.removesuffix("-segmentation")
        paper = TABLE3[name].values.get(_DICE.name) if name in TABLE3 and name in ("lmi", "gliodil") else None
        rows.append([method_name(name), *_means(entry["values"], _PATIENTS)])
        rows[-1].append(_DICE.text(paper.mean) if paper else MISSING)
    headings = ["method", *(c.plain_heading for c in _PATIENTS), "paper’s Dice"]
    return (
        f"**`make brats`** on real patients (not shared), {_machine(records, 'brats')}: {source.scale}, the "
        "segmentation alone observed, as in a clinic. Means; the static field has a value for every voxel and no "
        f"growth equation.\n\n{markdown_grid(text_table(headings, rows))}"
    )


def _means(values: Mapping[str, Sequence[float | None]], columns: Sequence[Column]) -> list[str]:
    means = [values.get(c.name, [None])[0] for c in columns]
    return [c.text(math.nan if mean is None else mean) for c, mean in zip(columns, means, strict=True)]


def _machine(records: Records, run: str) -> str:
    """Return processors and versions recorded by the jobs."""
    found = records[run]["provenance"]
    devices = [name if name else "an unrecorded machine" for name in found["device"]]
    return f"{' and '.join(devices)}, no GPU, gliofit {' and '.join(found['gliofit'])}"
