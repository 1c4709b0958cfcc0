"""A small finished run, made up: every file that the report of a run reads, with the spread of real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gliofit.core.io import write_json, write_table
from gliofit.publish.report import ReportSources, RunFacts
from gliofit.publish.settings import PublishSettings
from gliofit.report.table import Table, column, save_table
from unit.publish import conftest as fakes

#: What somebody might call a run or say in a message.
ESCAPED = "<script>alert(1)</script>"

_SEEN = "gauss-newton-segmentation"


def make_run(root: Path, run: str = "fake") -> tuple[ReportSources, RunFacts]:
    """Write ``results/{run}`` below a folder: six synthetic cases, three patients, a network, a target and a study."""
    folder = root / "results" / run
    publish, settings = folder / "publish", PublishSettings()
    left_out = {"patient-00003": f"no T1 image {ESCAPED}"}
    failed = {(2, "gradient-surrogate")}
    synthetic = fakes.make_cohort(folder / "evaluate/synthetic", "synthetic", fakes.SCALES, 6, failed=failed)
    patients = fakes.make_cohort(
        folder / "evaluate/patients", "patients", fakes.PATIENT_SCALES, 3, failed={(1, "lmi")}, left_out=left_out
    )
    fakes.write_tables(synthetic, patients, publish / "tables")
    cases = [f"patient-{number:05d}" for number in range(3)]
    for number, case in enumerate(cases):
        fakes.write_patient(folder / "register/patients", folder / "forward/patients", case, (_SEEN,))
        _write_checks(folder / "register/patients" / case, case, number)
        page = publish / f"patients/{case}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<!doctype html><title>page</title>")
    figures = [publish / f"figures/{name}.png" for name in ("figure3", "figure4", "figure7-segmentation")]
    pictures = [*figures, folder / "simulate/pilot.png", folder / "train/guided-unet/learning_curve.png"]
    pictures += [folder / f"register/patients/{case}/qc.png" for case in cases]
    for number, path in enumerate(
        [
            *pictures,
            folder / "study/study.png",
            folder / "plan/patients/patient-00000/plan.png",
            publish / "patients/patient-00000.3d.png",
        ]
    ):
        _draw(path, 300 + 250 * number)
    _write_network(folder / "train/guided-unet/model.json")
    _write_records(folder)
    write_json(folder / "atlas/atlas.json", {"name": "mni152", "spacing_mm": [1.0, 1.0, 1.0]})
    save_table(folder / "study/study.json", _STUDY)
    save_table(folder / "plan/plan.json", _PLAN)
    sources = ReportSources(
        folder,
        publish,
        folder / "atlas/atlas.json",
        {"synthetic": synthetic, "patients": patients},
        [publish / f"tables/{name}.json" for name in ("table1", "table2", "table3", "table3-segmentation")],
        figures,
        {case: folder / "register/patients" / case for case in cases},
        {case: folder / f"forward/patients/{case}/{_SEEN}/concentration.nii.gz" for case in cases},
        {case: publish / f"patients/{case}.html" for case in cases},
        {"patient-00000": publish / "patients/patient-00000.3d.png"},
        [folder / "train/guided-unet"],
        [folder / "simulate/pilot.png"],
        [folder / "plan/plan.json"],
        {"patient-00000": folder / "plan/patients/patient-00000/plan.png"},
        [folder / "study/study.json"],
        [folder / "study/study.png"],
    )
    return sources, RunFacts(run, 7, False, 2.0, "paper", settings)


def _write_checks(folder: Path, case: str, number: int) -> None:
    status, message = (("ok", ""), ("check", "brain-mask Dice 0.91 below 0.95"), ("poor", "mirrored"))[number]
    row = {"case": case, "status": status, "message": message, "brain_dice": 0.98 - 0.03 * number, "correlation": 0.7,
           "tumour_cc": (90.1, 7.5, 24.2)[number], "core_cc": 9.3}  # fmt: skip
    write_table(folder / "qc.parquet", pd.DataFrame([row]))


def _draw(path: Path, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(width).integers(0, 255, (60, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _write_network(path: Path) -> None:
    training = {"parameters": 117738, "samples": 48, "epochs": 2.0, "minutes": 0.3, "settings": {"init": None}}
    validation = {"loss": 0.0123, "baseline": {"loss": 0.0246}, "samples": 24}
    write_json(path, {"kind": "surrogate", "training": training, "validation": validation})


def _write_records(folder: Path) -> None:
    """Sidecars of two jobs by two revisions, and benchmark files of three jobs of two stages."""
    for number, name in enumerate(("evaluate/patients/metrics.parquet", "publish/figures/figure3.png")):
        record = {
            "rule": f"rule_{number}", "output": [{"path": name, "sha256": "0"}], "device": "AMD EPYC",
            "started": f"2026-11-22T22:5{number}:00+00:00", "wall_seconds": 30.0, "versions": {"gliofit": "0.1.0"},
            "code": {"revision": f"{number}" * 40, "dirty": bool(number), "sources": "0"},
        }  # fmt: skip
        write_json(folder / f"{name}.json", record)
    columns = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    for name, seconds in (("invert/invert_case/a", "90.5"), ("invert/invert_case/b", "NA"), ("publish/draw", "30.0")):
        path = folder / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{columns}\n{seconds}\t0:01:30\t500.0\tNA\tNA\tNA\tNA\tNA\tNA\t{seconds}\n")


_STUDY = Table(
    "Errors of inversions",
    pd.DataFrame(
        {
            "preset": "paper", "method": ["a | b", "c", "d"], "cases": [12, 1200, 3],
            "mse": [2.31e-9, np.nan, 0.015], "nothing": np.nan,
        }
    ),
    (
        column("preset", "preset"), column("method", "method"), column("cases", "cases", format=",.0f"),
        column("mse", "MSE, median"), column("nothing", "with nothing"),
    ),
    footnotes=("A note with a * star.",),
)  # fmt: skip

_PLAN = Table(
    "Target volumes",
    pd.DataFrame({"case": ["patient-00000", "patient-00001"], "clinical_cc": [210.6, 73.4]}),
    (column("case", "case"), column("clinical_cc", "clinical", "cc", format=".1f")),
)
