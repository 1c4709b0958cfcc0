"""Rules of batches, which are made in a loop.

Runs the script of the rule of single cases; it finds the cases of the batch by itself.
"""

from pathlib import Path
from runpy import run_path

run_path(str(Path(snakemake.scriptdir) / snakemake.params.batch["script"]), {"snakemake": snakemake})
