"""Bad command lines. ``{d}`` is a folder with the files of a case, and ``{o}`` an empty one."""

from __future__ import annotations

from dataclasses import dataclass

from .kind import Kind


@dataclass(frozen=True)
class CommandKind(Kind):
    """A bad command line."""

    arguments: str


_TISSUE = "--tissue {d}/labels.nii.gz"
_SOLVE = f"solve {_TISSUE} --seed 9 9 9 --mu-d 8 --mu-rho 3 --backend numba"
_FIT = f"fit {_TISSUE}"
_FIELD = "--concentration {d}/c.nii.gz"
_PLAN = f"plan {_TISSUE} --seg {{d}}/seg.nii.gz {_FIELD} --labels brats2021"
_REGISTER = "register --t1 {d}/t1.nii.gz --seg {d}/seg.nii.gz --labels brats2021"
_OUT = "--out {o}/out"
_FIELD_OUT = "--out {o}/c.nii.gz"

COMMAND_KINDS = [
    CommandKind("unknown command", "'slove'", "slove", code="wrong-usage"),
    CommandKind("unknown option", "--sead", f"{_SOLVE} {_FIELD_OUT} --sead 3", code="wrong-usage"),
    CommandKind("missing option", "--out", _SOLVE, code="wrong-usage"),
    CommandKind("no threads", "--threads", f"{_SOLVE} {_FIELD_OUT} --threads 0", code="wrong-usage"),
    CommandKind("fewer than no threads", "--threads", f"{_SOLVE} {_FIELD_OUT} --threads -1", code="wrong-usage"),
    CommandKind("threads in words", "--threads", f"{_SOLVE} {_FIELD_OUT} --threads two", code="wrong-usage"),
    CommandKind("input that is not there", "no.nii", f"fit --tissue {{d}}/no.nii {_FIELD} {_OUT}"),
    CommandKind("input that is a folder", "folder", f"fit --tissue {{d}} {_FIELD} {_OUT}"),
    CommandKind(
        "input whose name is too long",
        "xxx.nii",
        f"fit --tissue {{d}}/{'x' * 300}.nii {_FIELD} {_OUT}",
        code="system-error",
    ),
    CommandKind("output folder that is a file", "file", f"{_FIT} {_FIELD} --out {{d}}/file"),
    CommandKind("output folder below a file", "file", f"{_PLAN} --out {{d}}/file/out"),
    CommandKind("output file below a file", "file", f"{_SOLVE} --out {{d}}/file/c.nii.gz"),
    CommandKind("output file that is a folder", "folder.nii.gz", f"{_SOLVE} --out {{d}}/folder.nii.gz"),
    CommandKind("output that is not an image", "c.png", f"{_SOLVE} --out {{o}}/c.png"),
    CommandKind(
        "input and output in one file", "labels.nii.gz", f"{_SOLVE} --out {{d}}/labels.nii.gz", code="output-is-input"
    ),
    CommandKind("output folder with an input in it", "t1.nii.gz", f"{_REGISTER} --out {{d}}", code="output-is-input"),
    CommandKind(
        "output of the check that is its input",
        "patients.tsv",
        "check --patients {d}/patients.tsv --out {d}/patients.tsv",
    ),
    CommandKind("output of the check that is not a table", "cohort.xlsx", "check --patients {d} --out {o}/cohort.xlsx"),
    CommandKind("method that is not known", "--method magic", f"{_FIT} {_FIELD} {_OUT} --method magic"),
    CommandKind(
        "two observations", "--seg", f"{_FIT} {_FIELD} --seg {{d}}/seg.nii.gz {_OUT}", code="one-source-needed"
    ),
    CommandKind("segmentation without scheme", "--labels", f"{_FIT} --seg {{d}}/seg.nii.gz {_OUT}"),
    CommandKind(
        "unknown label scheme", "'brats'", f"{_FIT} --seg {{d}}/seg.nii.gz --labels brats {_OUT}", code="label-scheme"
    ),
    CommandKind(
        "segmentation as concentration",
        "seg.nii.gz",
        f"{_FIT} --concentration {{d}}/seg.nii.gz {_OUT}",
        code="concentration-scale",
    ),
    CommandKind("networks that are not there", "model.json", f"{_FIT} {_FIELD} --method direct --models {{o}} {_OUT}"),
    CommandKind("margin below zero", "--margin-mm", f"{_PLAN} --margin-mm -3 {_OUT}"),
    CommandKind("atlas that is not there", "atlas", f"{_REGISTER} --atlas {{o}}/atlas {_OUT}"),
    CommandKind("PredictGBM without its folder", "Patient-00000", "predictgbm {d} {o}/out"),
    CommandKind("results without patients", "results", "export {d} {o}/out"),
]
