"""Rule invert_case.

Input: tissue and observation of a case, the networks the method needs, the estimate it refines if it does, and for
methods that work in the atlas its tissue and a patient's transforms.
Output: the estimate (one row, also if the method failed) and its trace; of some methods also a concentration.
"""

from pathlib import Path

from gliofit.core.seeds import derive_seed
from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """One method on one case."""
    from gliofit.invert.run import invert_case
    from gliofit.invert.settings import InvertSettings

    cohort, case, method = run.wildcards.cohort, run.wildcards.case, run.wildcards.method
    networks = {role: Path(run.files.model(model)) for role, model in run.params.networks.items()}
    invert_case(
        Path(run.files.case(cohort, case)),
        cohort,
        case,
        method,
        InvertSettings(**run.params.settings),
        run.params.tissue,
        networks.get("surrogate"),
        networks.get("direct"),
        run.input.get("reference"),
        run.folder,
        run.params.run,
        derive_seed(run.seed, "invert", cohort, case, method),
        run.threads,
        run.device,
        start=run.input.get("start"),
        lmi_dir=networks.get("lmi"),
        atlas_dir=Path(run.files.atlas()) if "atlas" in run.input.keys() else None,
    )


each_unit(snakemake, work)
