"""Rules coarsen_atlas and assess_tissue: tissue of atlas or patient at the spacing of the simulations."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.tissue import Tissue

    case = run.wildcards.get("case")
    source = run.files.atlas() if case is None else run.files.patient(case)
    tissue = Tissue.load(Path(source), run.params.tissue)
    # Later stages read it as probability maps, because block means of binary tissue are fractions.
    tissue.coarsen(tissue.grid.coarsening_to(run.params.spacing_mm)).save(run.folder)
