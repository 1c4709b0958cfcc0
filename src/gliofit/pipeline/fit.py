"""Fit one tumour from single files: what the ``fit`` command does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from gliofit.core.errors import GridError, InputError, InputWarning, name_one_of
from gliofit.core.grid import Volume
from gliofit.core.header import CONCENTRATION, DEVIATION
from gliofit.core.io import write_table, write_volume
from gliofit.core.output import FIT_FILES, name_of_folder, output_folder
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.figures.style import optional_picture
from gliofit.forward.run import ForwardResult, concentration_deviation, simulate_estimate, wrap_field
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.model import find_growth_model
from gliofit.growth.theta import Theta
from gliofit.inputs.images import read_concentration, read_segmentation
from gliofit.invert.base import Inversion
from gliofit.invert.methods.gauss_newton import GaussNewton
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.profile import profile_intervals, profile_likelihood
from gliofit.invert.run import fit, parameters_row
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import OnProgress as OnEvaluations
from gliofit.observation.observation import AbstractObservation, ConcentrationObservation, SegmentationObservation
from gliofit.plan.target import brain_of_tissue
from gliofit.publish.summary import SummaryPage, plot_summary


def shipped_models() -> Path:
    """Folder of the weights that come with gliofit: in the package, or beside it in a checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "models", here.parents[3] / "models"):
        if folder.is_dir():
            return folder
    raise InputError("--models", "no shipped networks found beside the package", "name a folder with --models")


def _observe(
    tissue: Tissue,
    settings: InvertSettings,
    concentration: Path | None,
    segmentation: Path | None,
    label_scheme: str | None,
    warnings: list[InputWarning],
) -> AbstractObservation:
    if (concentration is None) == (segmentation is None):
        raise InputError(
            "--seg, --concentration", "one of the two is needed", "give either --concentration, or --seg and --labels",
            "one-source-needed",
        )  # fmt: skip
    if concentration is not None:
        observed = read_concentration(concentration, tissue.grid, warnings=warnings)
        return ConcentrationObservation(observed, tissue, concentration)
    assert segmentation is not None
    if label_scheme is None:
        raise InputError(segmentation, "label scheme not named", "add --labels, e.g. brats2021")
    labels = read_segmentation(
        segmentation, label_scheme, tissue.grid,
        brain=brain_of_tissue(tissue), warnings=warnings, reference="the tissue",
    )  # fmt: skip
    return SegmentationObservation(labels, tissue, settings.imaging, segmentation)


def fit_files(
    tissue: Tissue,
    *,
    method: str,
    out_dir: Path,
    concentration: Path | None = None,
    segmentation: Path | None = None,
    label_scheme: str | None = None,
    models: Path | None = None,
    growth_model: str | None = None,
    settings: InvertSettings | None = None,
    forward: ForwardSettings | None = None,
    seed: int = 0,
    threads: int = 1,
    profile: bool = False,
    progress: OnProgress = no_progress,
    warnings: list[InputWarning] | None = None,
) -> dict[str, Any]:
    """Estimate theta, simulate the estimate, and write the result.

    Writes ``parameters.parquet`` (one row), ``trace.parquet``, ``concentration.nii.gz`` (on the tissue's grid) and
    ``summary.png`` into ``out_dir``; for methods with an uncertainty of theta also ``uncertainty.nii.gz`` (standard
    deviation of the concentration), and ``profile.parquet`` if requested. All of them or none, but a picture that
    cannot be drawn is left out, which the row's message says. Other files of an earlier fit are removed.

    Parameters
    ----------
    tissue
        Brain of the case.
    method
        Name of an entry of ``settings.methods``.
    out_dir
        Output folder.
    concentration, segmentation, label_scheme
        The observation: one of the two files; a segmentation needs its label scheme.
    models
        Folder with trained networks; default: the shipped ones.
    growth_model
        Growth model to fit instead of the one in the method's settings.
    settings, forward
        Settings of the stages.
    profile
        Whether to compute a profile likelihood too (``profile_likelihood``), with its intervals in the row.
    progress
        Called with the method's evaluations and with the steps that follow.
    warnings
        Warnings about the observation are appended to this list, which is written into the row's message.

    Returns
    -------
    The row of ``parameters.parquet``.

    Raises
    ------
    InputError
        If an input is wrong, the method is unknown or has no profile, or the method found no estimate.
    """
    settings = settings or InvertSettings()
    if method not in settings.methods:
        raise InputError(f"--method {method}", "unknown", name_one_of(method, settings.methods))
    if growth_model is not None:
        settings = _with_growth_model(settings, method, growth_model)
    method_settings = settings.methods[method]
    if profile and not isinstance(method_settings, GaussNewton):
        able = [name for name, other in settings.methods.items() if isinstance(other, GaussNewton)]
        raise InputError(
            "--profile", f"'{method}' has no profile likelihood",
            f"use {'--method ' + able[0] + ', ' if able else ''}or omit --profile",
        )  # fmt: skip
    for step in settings.chain(method):
        if settings.methods[step].needs_atlas:
            raise InputError(
                f"--method {method}", f"'{step}' works in the atlas and requires a registration",
                "run it in the workflow (docs/invert.md), or use another method",
            )  # fmt: skip
    warnings = [] if warnings is None else warnings
    observation = _observe(tissue, settings, concentration, segmentation, label_scheme, warnings)
    source, observed = str(segmentation or concentration), "segmentation" if segmentation else "concentration"
    folder = models if models is not None else shipped_models()
    start: Theta | None = None
    for step in settings.chain(method):
        report = _evaluations(progress, step, settings.methods[step].most_evaluations)
        folders: dict[str, Any] = {role: folder / name for role, name in settings.methods[step].networks.items()}
        problem = Problem(
            observation, settings, Networks(**folders), seed, threads, report, start,
            model=settings.methods[step].growth_model,
        )  # fmt: skip
        try:
            inversion = fit(problem, step, settings)
        except GridError as error:
            raise InputError(source, f"--method {step}: {error.problem}", error.hint, error.code) from error
        start = inversion.theta
    if inversion.theta is None and inversion.concentration is None:
        raise InputError(source, f"{method} found no estimate: {inversion.message}", "try another method")
    names = {"run": "fit", "cohort": "files", "case": name_of_folder(out_dir), "method": method}
    row = parameters_row(names, inversion, tissue.grid, seed, observed, problem.space)
    notes = [row["message"], *(warning.note for warning in warnings)]
    table = None
    if profile and isinstance(method_settings, GaussNewton) and inversion.theta is not None:
        problem.on_progress = _evaluations(progress, f"{method}, profile likelihood", None)
        table = profile_likelihood(problem, method_settings, inversion)
        for line in profile_intervals(problem.space, table).itertuples():
            row |= {f"{line.parameter}_profile_{end}": float(getattr(line, end)) for end in ("low", "high")}
        lowest = float(table["deviance"].min())
        if lowest < -0.1:
            notes.append(f"the profile found a better fit than the estimate (deviance {lowest:.2g})")
    final, deviation = _simulate(tissue, inversion, forward or ForwardSettings(), progress)
    if final.row["status"] != "ok":
        raise InputError(source, f"the forward simulation failed: {final.row['message']}", "try another method")
    row["message"] = "; ".join(filter(None, notes))
    masks = observation.masks if isinstance(observation, SegmentationObservation) else None
    how = "none, a field without theta" if inversion.theta is None else f"integrator {final.row['integrator']}"
    page = SummaryPage(
        tissue, final.concentration, observation.concentration, inversion.trace, row,
        whole=None if masks is None else masks.whole,
        core=masks.core if masks is not None and masks.core.any() else None,
        deviation=deviation,
        facts={"forward simulation": f"{how}, {final.row['volume_mm3'] / 1000:.1f} cc of cells"},
    )  # fmt: skip
    progress("writing results")
    with output_folder(out_dir, FIT_FILES) as temporary:
        before = len(warnings)
        with optional_picture(out_dir / "summary.png", warnings):
            plot_summary(temporary / "summary.png", page)
        row["message"] = "; ".join(filter(None, [*notes, *(warning.note for warning in warnings[before:])]))
        write_table(temporary / "parameters.parquet", pd.DataFrame([row]))
        write_table(temporary / "trace.parquet", inversion.trace)
        write_volume(temporary / "concentration.nii.gz", final.concentration, CONCENTRATION)
        if deviation is not None:
            write_volume(temporary / "uncertainty.nii.gz", deviation, DEVIATION)
        if table is not None:
            write_table(temporary / "profile.parquet", table)
    return row


def _evaluations(progress: OnProgress, doing: str, most: int | None) -> OnEvaluations:
    """Return a callback for evaluations, of at most ``most`` if known."""
    progress(doing)

    def report(evaluations: int, loss: float, level: str) -> None:
        if level or most is None:
            # Evaluations on finer levels take much longer, so their number does not measure time.
            limit = "" if most is None else f" of at most {most}"
            place = f" at level {level}" if level else ""
            progress(doing, note=f"evaluation {evaluations}{limit}, loss {loss:.3g}{place}")
        else:
            progress(f"{doing}, evaluations", evaluations, most, f"loss {loss:.3g}", most=True)

    return report


def _simulate(
    tissue: Tissue, inversion: Inversion, forward: ForwardSettings, progress: OnProgress
) -> tuple[ForwardResult, Volume | None]:
    """Compute the concentration of an estimate, and its standard deviation if the method has an uncertainty."""
    if inversion.concentration is not None:
        return wrap_field(tissue, inversion.concentration), None
    assert inversion.theta is not None
    progress("forward simulation")
    final = simulate_estimate(tissue, inversion.theta, forward, progress)
    if inversion.uncertainty is None or final.row["status"] != "ok":
        return final, None
    progress("map of uncertainty")
    covariance = inversion.uncertainty.covariance
    return final, concentration_deviation(tissue, inversion.theta, covariance, forward.integrator)


def _with_growth_model(settings: InvertSettings, method: str, growth_model: str) -> InvertSettings:
    """Return settings with another growth model for a method; raise InputError if the method cannot fit it."""
    find_growth_model(growth_model)
    method_settings = settings.methods[method]
    try:
        changed = method_settings.model_validate(method_settings.model_dump() | {"growth_model": growth_model})
    except ValidationError as error:
        raise InputError(
            f"--growth-model {growth_model}", f"'{method}' cannot fit it", "use --method gauss-newton",
            "method-without-growth-model",
        ) from error  # fmt: skip
    return settings.model_copy(update={"methods": settings.methods | {method: changed}})
