"""The ``gliofit`` command: the same functions as the workflow, on single files.

Bad input ends with exit code 2 and one line on stderr that names the file and the mend.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliofit.errors import InputError
from gliofit.export.command import export
from gliofit.output import check_out_file, check_out_folder

if TYPE_CHECKING:
    from gliofit.solver.base import AbstractForwardSolver
    from gliofit.tissue import Tissue

__all__ = ["app", "main"]

app = typer.Typer(
    name="gliofit",
    help="Personalise brain-tumour growth models to patients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command()(export)


class Integrator(StrEnum):
    """Forward integrators."""

    ACCURATE = "accurate"
    REFERENCE = "reference"


class Backend(StrEnum):
    """What the accurate integrator runs on."""

    AUTO = "auto"
    NUMBA = "numba"
    TORCH = "torch"
    TRITON = "triton"


TissueOption = Annotated[
    Path | None, typer.Option("--tissue", help="Tissue label map: 0 background, 1 CSF, 2 grey, 3 white matter.")
]
WhiteOption = Annotated[Path | None, typer.Option("--wm", help="White matter map; with --gm instead of --tissue.")]
GreyOption = Annotated[Path | None, typer.Option("--gm", help="Grey matter map; with --wm instead of --tissue.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads to use. [default: all]")]
RandomSeedOption = Annotated[int, typer.Option("--random-seed", min=0, help="Seed of everything random.")]


def _all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _set_threads(threads: int | None) -> int:
    """Tell every numerical library how many threads it may use; must run before they are imported."""
    granted = threads or _all_cores()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[name] = str(granted)
    # Threads that spin while they wait slow everybody down on a machine that is not all ours.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return granted


def _read_tissue(tissue: Path | None, wm: Path | None, gm: Path | None) -> Tissue:
    from gliofit.io import read_volume
    from gliofit.tissue import Tissue

    if tissue is not None and wm is None and gm is None:
        return Tissue.from_labels(read_volume(tissue), tissue)
    if tissue is None and wm is not None and gm is not None:
        return Tissue.from_maps(read_volume(wm, "float32"), read_volume(gm, "float32"), subject=gm)
    raise InputError("tissue", "needs one source", "give either --tissue, or --wm and --gm")


def _make_solver(integrator: Integrator, backend: Backend) -> AbstractForwardSolver:
    from gliofit.solver.registry import make_solver
    from gliofit.solver.settings import AccurateSettings, ReferenceSettings

    if integrator is Integrator.REFERENCE:
        if backend not in (Backend.AUTO, Backend.NUMBA):
            raise InputError(
                f"--backend {backend}", "the reference integrator runs on the CPU only",
                "leave --backend out, or use --integrator accurate",
            )  # fmt: skip
        return make_solver(ReferenceSettings())
    from gliofit.solver.backends import choose_backend

    # Here rather than in the solver, so that a back end that cannot run is told before anything is read.
    return make_solver(AccurateSettings(backend=choose_backend(backend.value)))


def _nifti(path: Path, option: str) -> Path:
    if not path.name.endswith((".nii", ".nii.gz")):
        raise InputError(path, f"{option} is no NIfTI name", "end it in .nii or .nii.gz")
    return path


@app.command()
def solve(
    seed: Annotated[tuple[float, float, float], typer.Option(help="Origin I J K in (fractional) voxel indices.")],
    mu_d: Annotated[float, typer.Option("--mu-d", help="sqrt(D T) in white matter, in mm.")],
    mu_rho: Annotated[float, typer.Option("--mu-rho", help="sqrt(rho T).")],
    out: Annotated[Path, typer.Option(help="Concentration to write (.nii or .nii.gz).")],
    tissue: TissueOption = None,
    wm: WhiteOption = None,
    gm: GreyOption = None,
    integrator: Annotated[
        Integrator, typer.Option(help="accurate: error-controlled. reference: the public toolkit's scheme.")
    ] = Integrator.ACCURATE,
    backend: Annotated[
        Backend, typer.Option(help="numba: CPU. triton: CUDA. torch: either, slow. auto: triton where there is CUDA.")
    ] = Backend.AUTO,
    threads: ThreadsOption = None,
) -> None:
    """Grow one tumour on a brain and write its concentration."""
    _set_threads(threads)
    from gliofit.io import write_volume
    from gliofit.theta import Theta

    check_out_file(_nifti(out, "--out"), (tissue, wm, gm))
    for option, value in (("--mu-d", mu_d), ("--mu-rho", mu_rho)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(option, f"is {value:g}", "give a number above zero")
    if not all(map(math.isfinite, seed)):
        raise InputError("--seed", "is not finite", "give three voxel indices")
    solver = _make_solver(integrator, backend)
    brain = _read_tissue(tissue, wm, gm)
    solution = solver.solve(brain, Theta.from_voxel(seed, mu_d, mu_rho, brain.grid))
    write_volume(out, solution.volume)
    estimate = solution.error_estimate
    typer.echo(
        f"{out}: {solution.volume_mm3 / 1000:.1f} cc of tumour cells; integrator {integrator}, {solution.steps} steps, "
        + ("no error estimate" if estimate is None else f"estimated error {100 * estimate:.2g} %")
    )


@app.command()
def register(
    t1: Annotated[Path, typer.Option(help="The patient's native T1, skull-stripped.")],
    seg: Annotated[Path, typer.Option(help="The patient's tumour segmentation.")],
    labels: Annotated[str, typer.Option(help="Label scheme: brats2021, brats2023, brats2024, brats2015 or gliofit.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    atlas: Annotated[str, typer.Option(help="mni152, or a folder with a T1 and tissue.")] = "mni152",
    threads: ThreadsOption = None,
    random_seed: RandomSeedOption = 0,
) -> None:
    """Bring the atlas onto a patient: tissue maps on the patient's own grid, with a quality report."""
    granted = _set_threads(threads)
    from gliofit.atlas.prepare import prepare_atlas
    from gliofit.atlas.settings import AtlasSettings
    from gliofit.io import scratch_folder
    from gliofit.register.patients import PatientFiles
    from gliofit.register.run import register_patient
    from gliofit.register.settings import RegisterSettings

    names = ("t1", "wm", "gm", "csf", "labels", "brain_mask", "segmentation")
    check_out_folder(out, (f"{name}.nii.gz" for name in names), (t1, seg))
    for path in (t1, seg):
        if not path.is_file():
            raise InputError(path, "file not found", "check the path")
    case = out.resolve().name
    patient = PatientFiles(case=case, t1=t1, seg=seg, labels=labels)
    with scratch_folder(out.resolve().with_name(f"{case}-atlas")) as folder:
        prepare_atlas(AtlasSettings(source=atlas), folder)
        register_patient(patient, folder, out, RegisterSettings(), random_seed, granted)
    typer.echo(f"{out}: tissue maps, qc.png and qc.parquet written; look at {out / 'qc.png'}")


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    method: Annotated[str, typer.Option(help="Inversion method.")] = "gauss-newton",
    tissue: TissueOption = None,
    wm: WhiteOption = None,
    gm: GreyOption = None,
    concentration: Annotated[Path | None, typer.Option(help="Observed tumour-cell concentration.")] = None,
    seg: Annotated[Path | None, typer.Option(help="Observed segmentation; needs --labels.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label scheme of --seg.")] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of trained networks. [default: shipped]")] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Profile likelihood: intervals that need no quadratic loss; slow.")
    ] = False,
    threads: ThreadsOption = None,
    random_seed: RandomSeedOption = 0,
) -> None:
    """Estimate origin, mu_D and mu_rho of one tumour from a concentration or a segmentation."""
    granted = _set_threads(threads)
    from gliofit.fit import fit_files

    check_out_folder(out, ("concentration.nii.gz", "uncertainty.nii.gz"), (tissue, wm, gm, concentration, seg))
    brain = _read_tissue(tissue, wm, gm)
    row = fit_files(
        brain,
        method=method,
        out_dir=out,
        concentration=concentration,
        segmentation=seg,
        label_scheme=labels,
        models=models,
        seed=random_seed,
        threads=granted,
        profile=profile,
        progress=lambda line: typer.echo(line, err=True),
    )
    typer.echo(f"{out}: {_estimate(row)}, loss {row['loss']:.3g}, {row['status']}, {row['wall_seconds']:.1f} s")
    if row["message"]:
        typer.echo(f"notes: {row['message']}")


def _estimate(row: dict[str, Any]) -> str:
    """Theta in words, with intervals where there are any."""
    from gliofit.invert.uncertainty import INTERVAL_LEVEL
    from gliofit.publish.interval_text import THETA_ROWS, interval, interval_kind, number

    suffix = interval_kind(row)
    parts = []
    for column, name, unit in THETA_ROWS:
        ends = None if suffix == "none" else interval(row, column, suffix)
        value, text = number(row[column], ends, 3 if column == "mu_rho" else 2)
        parts.append(" ".join(part for part in (name, value, unit, text) if part))
    parts.append(f"origin voxel ({row['origin_i']:.1f}, {row['origin_j']:.1f}, {row['origin_k']:.1f})")
    if suffix != "none":
        parts.append(f"in brackets {INTERVAL_LEVEL:.0%} {'profile ' if suffix else ''}intervals")
    return ", ".join(parts)


class Region(StrEnum):
    """What a margin is drawn around."""

    CORE = "core"
    WHOLE = "whole"


@app.command()
def plan(
    seg: Annotated[Path, typer.Option(help="Segmentation before treatment; needs --labels.")],
    labels: Annotated[str, typer.Option(help="Label scheme of --seg.")],
    concentration: Annotated[Path, typer.Option(help="Tumour-cell concentration, e.g. of the fit command.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    tissue: TissueOption = None,
    wm: WhiteOption = None,
    gm: GreyOption = None,
    margin_mm: Annotated[float, typer.Option("--margin-mm", help="Margin of the clinical target.")] = 15.0,
    region: Annotated[Region, typer.Option(help="What the margin is drawn around.")] = Region.CORE,
    keep_tumour: Annotated[
        bool, typer.Option(help="Whether the personalised target must contain what the margin is around.")
    ] = True,
    bridge_mm: Annotated[
        float, typer.Option("--bridge-mm", help="Half the width of gaps of CSF that the personalised target closes.")
    ] = 3.0,
    brain_mask: Annotated[Path | None, typer.Option(help="Brain mask. [default: where there is tissue]")] = None,
    barriers: Annotated[Path | None, typer.Option(help="Mask of falx, tentorium and ventricles.")] = None,
    image: Annotated[Path | None, typer.Option(help="MRI behind the contours, e.g. T1c. [default: tissue]")] = None,
    dicom: Annotated[Path | None, typer.Option(help="Folder of the DICOM series; adds an RT structure set.")] = None,
    recurrence: Annotated[Path | None, typer.Option(help="Follow-up segmentation, on the grid of --seg.")] = None,
    recurrence_labels: Annotated[
        str | None, typer.Option(help="Label scheme of --recurrence. [default: --labels]")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Draw target volumes by a margin and by tumour cells, of equal volume, and compare them. Research use only."""
    _set_threads(threads)
    from gliofit.plan.run import plan_files

    inputs = (tissue, wm, gm, seg, concentration, brain_mask, barriers, image, recurrence)
    check_out_folder(out, ("clinical.nii.gz", "personalised.nii.gz"), inputs)
    if not (math.isfinite(margin_mm) and 0 <= margin_mm <= 100):
        raise InputError("--margin-mm", f"is {margin_mm:g}", "give 0 to 100 mm")
    if not (math.isfinite(bridge_mm) and bridge_mm >= 0):
        raise InputError("--bridge-mm", f"is {bridge_mm:g}", "give zero or more")
    row = plan_files(
        _read_tissue(tissue, wm, gm),
        segmentation=seg,
        label_scheme=labels,
        concentration=concentration,
        out_dir=out,
        margin_mm=margin_mm,
        region=region.value,
        keep_tumour=keep_tumour,
        bridge_mm=bridge_mm,
        brain_mask=brain_mask,
        barriers=barriers,
        image=image,
        dicom=dicom,
        recurrence=recurrence,
        recurrence_labels=recurrence_labels,
    )
    text = f"{out}: targets of {row['clinical_cc']:.1f} cc each, Dice {row['dice']:.2f}, level {row['level']:.2g}"
    if math.isfinite(row["coverage_clinical_all"]):
        shares = f"{row['coverage_clinical_all']:.0%} (clinical), {row['coverage_personalised_all']:.0%} (personalised)"
        text += f"; recurrence covered {shares}"
    typer.echo(text + ". Research use only")
    if row["message"]:
        typer.echo(f"notes: {row['message']}")


@app.command()
def predictgbm(
    folder_in: Annotated[Path, typer.Argument(metavar="IN", help="Folder with Patient-00000 in it.")],
    folder_out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for 00000.nii.gz.")],
    method: Annotated[str, typer.Option(help="Inversion method.")] = "gauss-newton",
    threads: ThreadsOption = None,
    random_seed: RandomSeedOption = 0,
) -> None:
    """Fit one patient as PredictGBM hands it over, and write what PredictGBM expects."""
    granted = _set_threads(threads)
    from gliofit.plan.predictgbm import run_case

    check_out_folder(folder_out)
    row = run_case(
        folder_in,
        folder_out,
        method=method,
        seed=random_seed,
        threads=granted,
        progress=lambda line: typer.echo(line, err=True),
    )
    typer.echo(f"{folder_out / '00000.nii.gz'}: {_estimate(row)}")


@app.command()
def check(
    patients: Annotated[Path, typer.Option(help="Table of patients, BraTS folders, or BIDS dataset.")],
    labels: Annotated[str | None, typer.Option(help="Label scheme, where the naming does not imply it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Table to write (.tsv or .csv): cases, files, and which can be used.")
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Cases to look at at a time. [default: all cores]")] = None,
) -> None:
    """Say what is wrong with patient files, file by file.

    Exit code 1 if anything is; with --out only if no case can be used.
    """
    from gliofit.register.check import check_patients
    from gliofit.register.cohort_table import write_cohort_table
    from gliofit.register.settings import PatientsSettings

    if out is not None and out.suffix not in (".tsv", ".csv"):
        raise InputError(out, "--out is no table name", "end it in .tsv or .csv")
    if out is not None and out.resolve() == patients.resolve():
        raise InputError(out, "--out is the table that is checked", "give another name, or check the folder again")
    if out is not None:
        check_out_file(out)
    _set_threads(1)  # in each process
    settings = PatientsSettings(source=patients, labels=labels)
    cases = check_patients(settings, cores=cores or _all_cores(), progress=_progress("cases checked"))
    findings = [finding for case in cases for finding in case.findings]
    for finding in findings:
        typer.echo(" ".join(f"{finding.case}: {finding.file}: {finding.problem}; {finding.mend}".split()))
    named = [case for case in cases if case.case]
    if out is not None and named:
        write_cohort_table(out, named)
        usable = sum(case.error is None for case in named)
        typer.echo(f"{out}: {usable} of {len(named)} cases can be used")
        if not usable:
            raise typer.Exit(1)
        return
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
    typer.echo("nothing else found" if findings else "nothing wrong found")


def _progress(what: str, after_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A function of (done, total) that says on stderr how far the work is, once it takes more than a few seconds."""
    begin = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= after_seconds:
            last = now
            typer.echo(f"{done} of {total} {what}, {(now - begin) / done * (total - done):.0f} s left", err=True)

    return report


@app.command()
def provenance(
    file: Annotated[Path, typer.Argument(help="A file that a run of the workflow made.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole tree as JSON.")] = False,
    depth: Annotated[int | None, typer.Option(min=1, help="Jobs to go back. [default: to the first inputs]")] = None,
) -> None:
    """Say how a result was made, back to its inputs; exit code 1 if files have changed since."""
    import json

    from gliofit.provenance import trace, tree_text

    origin = trace(file, depth)
    typer.echo(json.dumps(origin.as_json(), indent=2) if as_json else tree_text(origin))
    for note in origin.notes():
        typer.echo(note, err=True)
    if any(origin.notes()):
        raise typer.Exit(1)


@app.command()
def estimate(
    config: Annotated[Path, typer.Argument(help="Configuration of the run, such as config/brats.yaml.")],
    patients: Annotated[Path | None, typer.Option(help="Table of patients, BraTS folders, or BIDS dataset.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores that the run may use. [default: all]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers as JSON.")] = False,
) -> None:
    """Predict jobs, time, memory and disk of a run of the workflow on this machine."""
    import json

    from gliofit.config import load_config, read_config
    from gliofit.estimate.costs import calibration_seconds, read_costs
    from gliofit.estimate.run import estimate_run
    from gliofit.register.cohort import find_cohort
    from gliofit.register.patients import phantom_cases

    settings = read_config(config)
    if patients is not None:
        raw = settings.model_dump(mode="json")
        settings = load_config(raw | {"patients": raw["patients"] | {"source": str(patients)}})
    if settings.patients.source is None:
        count = len(phantom_cases(settings.phantoms))
    else:
        count = len(find_cohort(settings.patients, settings.seed)[0])
    costs = read_costs()
    slowness = calibration_seconds() / costs.calibration_seconds
    found = estimate_run(settings, count, cores or _set_threads(None), costs, slowness)
    typer.echo(json.dumps(found.as_json(), indent=2) if as_json else found.text())


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results folder, such as results/demo.")],
) -> None:
    """Read every file of a results folder and name those that are damaged or left over; exit code 1 if any is."""
    from gliofit.verify import verify as verify_files

    found = verify_files(results)
    for damage in found.damages:
        typer.echo(f"{damage.path}: {damage.problem}; {damage.mend}")
    unread = f", {len(found.unread)} of unknown kinds not" if found.unread else ""
    count = len(found.damages) or "none"
    typer.echo(f"{found.files} files read ({found.size / 1e6:.1f} MB){unread}: {count} damaged or left over")
    if found.damages:
        raise typer.Exit(1)


def _error(message: str) -> int:
    print(f"gliofit: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


# typer may bring its own copy of click, so its exception is reached through what typer itself exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; all bad input, also wrong options, is one line on stderr and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=given or ["--help"], standalone_mode=False)
    except InputError as error:
        code = _error(str(error))
    except _UsageError as error:
        context = getattr(error, "ctx", None)
        hint = f"; see {context.command_path} --help" if context is not None else ""
        code = _error(error.format_message() + hint)  # type: ignore[attr-defined]
    except OSError as error:
        if error.filename is None:
            raise
        code = _error(f"{error.filename}: {error.strerror}; check the path, its permissions and the space there")
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    raise SystemExit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
