"""The ``snakemake`` object of a job without a run, to try a script by hand.

``python -m tools.mock_snakemake RULE [wildcard=value ...] --configfile FILE`` runs a rule's script in this process.
"""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]


def mock_snakemake(rule: str, configfile: str | Path | None = None, cores: int = 1, **wildcards: str) -> Any:
    """Create the object ``snakemake`` of a workflow script.

    Paths are relative to the working directory; nothing is run or written.

    Parameters
    ----------
    rule
        Name of the rule, such as ``evaluate_cohort``, or of a batch, such as ``invert_case_synthetic_direct_00000``.
    configfile
        Configuration of the run; default: ``config/demo.yaml`` of the clone.
    cores
        Cores of the run.
    **wildcards
        Wildcards of the job by name.

    Notes
    -----
    Snakemake has no public interface for this; the function follows pypsa-eur's of the same name.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.iocontainers import Snakemake
    from snakemake.jobs import Job
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings
    from snakemake.workflow import DAG

    config = Path(configfile or _ROOT / "config/demo.yaml").resolve()
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            ResourceSettings(cores=cores), ConfigSettings(configfiles=[config]), snakefile=_ROOT / "Snakefile"
        )._workflow
        workflow.global_resources, workflow.dag_settings = {}, DAGSettings()
        target = workflow.get_rule(rule)
        job = Job(target, DAG(workflow, rules=[target]), wildcards)
        return Snakemake(
            job.input, job.output, job.params, job.wildcards, job.threads, job.resources, job.log, workflow.config,
            rule, None,
        )  # fmt: skip


def run_script(rule: str, configfile: str | Path | None = None, cores: int = 1, **wildcards: str) -> None:
    """Run the script of a rule in this process, for a debugger; its inputs must exist."""
    snakemake = mock_snakemake(rule, configfile, cores, **wildcards)
    script = snakemake.params.get("rule", rule)
    runpy.run_path(str(_ROOT / f"workflow/scripts/{script}.py"), {"snakemake": snakemake})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.mock_snakemake", description=__doc__)
    parser.add_argument("rule", help="name of a rule, or of a batch of cases as `snakemake -n` prints it")
    parser.add_argument("wildcards", nargs="*", metavar="wildcard=value")
    parser.add_argument("--configfile", type=Path, help="configuration of the run [default: config/demo.yaml]")
    options = parser.parse_args()
    run_script(options.rule, options.configfile, **dict(item.split("=", 1) for item in options.wildcards))
