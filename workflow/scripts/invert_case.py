"""Rule invert_case.

Input: tissue and observation of a case, the networks the method needs, the estimate it refines if it does, and for
methods that work in the atlas its tissue and a patient's transforms.
Output: the estimate (one row, also if the method failed) and its trace; of some methods also a concentration.
"""

from pathlib import Path

from gliofit.core.seeds import derive_seed
from gliofit.pipeline.job import Job, each_case


def work(run: Job) -> None:
    """One method on one case."""
    from gliofit.invert.run import invert_case
    from gliofit.invert.settings import InvertSettings

    cohort, case, method = run.wildcards.cohort, run.wildcards.case, run.wildcards.method
    roles = [role for role in ("surrogate", "direct", "lmi") if role in run.input.keys()]
    folders = {role: Path(run.input[role]).parent for role in roles}
    invert_case(
        Path(run.input[0]).parent,
        cohort,
        case,
        method,
        InvertSettings(**run.params.settings),
        run.params.tissue,
        folders.get("surrogate"),
        folders.get("direct"),
        run.input.get("reference"),
        run.folder,
        run.params.run,
        derive_seed(run.seed, "invert", cohort, case, method),
        run.threads,
        run.device,
        start=run.input.get("start"),
        lmi_dir=folders.get("lmi"),
        atlas_dir=Path(run.input.atlas[0]).parent if "atlas" in run.input.keys() else None,
    )


each_case(snakemake, work)
