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
_THREADS = "Invalid value for '--threads': ...; see ... solve --help"
_NOT_A_FOLDER = "...: is no folder; name a folder to write into"
_BOTH = "...: is both read and written; give --out another {}"

COMMAND_KINDS = [
    CommandKind("unknown command", "No such command 'slove'...; see ... --help", "slove"),
    CommandKind("unknown option", "No such option: --sead...; see ... solve --help", f"{_SOLVE} {_FIELD_OUT} --sead 3"),
    CommandKind("missing option", "Missing option '--out'; see ... solve --help", _SOLVE),
    CommandKind("no threads", _THREADS, f"{_SOLVE} {_FIELD_OUT} --threads 0"),
    CommandKind("fewer than no threads", _THREADS, f"{_SOLVE} {_FIELD_OUT} --threads -1"),
    CommandKind("threads in words", _THREADS, f"{_SOLVE} {_FIELD_OUT} --threads two"),
    CommandKind(
        "input that is not there", "...: file not found; check the path", f"fit --tissue {{d}}/no.nii {_FIELD} {_OUT}"
    ),
    CommandKind("input that is a folder", "...: is a folder; name a file in it", f"fit --tissue {{d}} {_FIELD} {_OUT}"),
    CommandKind(
        "input whose name is too long",
        "...: File name too long; check the path, its permissions and the space there",
        f"fit --tissue {{d}}/{'x' * 300}.nii {_FIELD} {_OUT}",
    ),
    CommandKind("output folder that is a file", _NOT_A_FOLDER, f"{_FIT} {_FIELD} --out {{d}}/file"),
    CommandKind("output folder below a file", _NOT_A_FOLDER, f"{_PLAN} --out {{d}}/file/out"),
    CommandKind("output file below a file", _NOT_A_FOLDER, f"{_SOLVE} --out {{d}}/file/c.nii.gz"),
    CommandKind(
        "output file that is a folder", "...: is a folder; name a file to write", f"{_SOLVE} --out {{d}}/folder.nii.gz"
    ),
    CommandKind(
        "output that is no image",
        "...: --out is no NIfTI name; end it in .nii or .nii.gz",
        f"{_SOLVE} --out {{o}}/c.png",
    ),
    CommandKind("input and output in one file", _BOTH.format("name"), f"{_SOLVE} --out {{d}}/labels.nii.gz"),
    CommandKind("output folder with an input in it", _BOTH.format("folder"), f"{_REGISTER} --out {{d}}"),
    CommandKind(
        "output of the check that is its input",
        "...: --out is the table that is checked; give another name, or check the folder again",
        "check --patients {d}/patients.tsv --out {d}/patients.tsv",
    ),
    CommandKind(
        "output of the check that is no table",
        "...: --out is no table name; end it in .tsv or .csv",
        "check --patients {d} --out {o}/cohort.xlsx",
    ),
    CommandKind(
        "method that is not known", "--method magic: unknown; name one of ...", f"{_FIT} {_FIELD} {_OUT} --method magic"
    ),
    CommandKind(
        "two observations",
        "--seg, --concentration: one of the two is needed; give either --concentration, or --seg and --labels",
        f"{_FIT} {_FIELD} --seg {{d}}/seg.nii.gz {_OUT}",
    ),
    CommandKind(
        "segmentation without scheme",
        "...: label scheme not named; add --labels, e.g. brats2021",
        f"{_FIT} --seg {{d}}/seg.nii.gz {_OUT}",
    ),
    CommandKind(
        "unknown label scheme",
        "...: unknown label scheme 'brats'; name one of ...",
        f"{_FIT} --seg {{d}}/seg.nii.gz --labels brats {_OUT}",
    ),
    CommandKind(
        "segmentation as concentration",
        "...between 0 and 1...",
        f"{_FIT} --concentration {{d}}/seg.nii.gz {_OUT}",
    ),
    CommandKind(
        "networks that are not there",
        "...model.json: file not found; check the path",
        f"{_FIT} {_FIELD} --method direct --models {{o}} {_OUT}",
    ),
    CommandKind("margin below zero", "--margin-mm: is -3; give 0 to 100 mm", f"{_PLAN} --margin-mm -3 {_OUT}"),
    CommandKind(
        "atlas that is not there",
        "...: atlas folder not found; check atlas.source, or use the built-in atlas mni152",
        f"{_REGISTER} --atlas {{o}}/atlas {_OUT}",
    ),
    CommandKind(
        "PredictGBM without its folder",
        "...: folder not found; give the folder that holds Patient-00000, as PredictGBM mounts it",
        "predictgbm {d} {o}/out",
    ),
    CommandKind(
        "results without patients",
        "...: holds no registered patient; name a results folder such as results/demo",
        "export {d} {o}/out",
    ),
]
