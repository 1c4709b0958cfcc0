"""Rule invert_case: estimate (one row, also of a failed method), trace, and for some methods concentration."""

from pathlib import Path

from gliofit.core.seeds import derive_seed
from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """One method on one case."""
    from gliofit.invert.networks import Networks
    from gliofit.invert.run import CaseFiles, invert_case
    from gliofit.invert.settings import InvertSettings

    cohort, case, method = run.wildcards.cohort, run.wildcards.case, run.wildcards.method
    settings = InvertSettings(**run.params.settings)
    reference, start = run.input.get("reference"), run.input.get("start")
    files = CaseFiles(
        Path(run.files.case(cohort, case)),
        cohort,
        case,
        run.params.tissue,
        reference=None if reference is None else Path(reference),
        start=None if start is None else Path(start),
        atlas=Path(run.files.atlas()) if "atlas" in run.input.keys() else None,
    )
    folders = {role: Path(run.files.model(model)) for role, model in run.params.networks.items()}
    networks = Networks(**folders, device=run.device)
    seed = derive_seed(run.seed, "invert", cohort, case, method)
    invert_case(files, method, settings, networks, run.folder, run.params.run, seed, run.threads)


each_unit(snakemake, work)
