"""Rule extract_case.

Input: a test shard and its tissue. Output: one of its samples as a case folder, like a patient's.
"""

from pathlib import Path

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.simulate.case import extract_case

    tissue_dir = Path(run.input.wm).parent
    extract_case(run.wildcards.case, Path(run.input.volumes), run.params.index, tissue_dir, run.folder)
