"""The plan of the run, and thin functions for rules.

Content of a run: gliofit.pipeline.plan; paths: gliofit.pipeline.files; work of jobs: gliofit.pipeline.workload.
Snakemake runs this at every start, on clusters for every job.
"""

import inspect
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from gliofit.core.errors import InputError
    from gliofit.core.yaml_file import read_yaml
    from gliofit.pipeline.case_jobs import Batches
    from gliofit.pipeline.config import load_config
    from gliofit.pipeline.estimate.costs import read_costs
    from gliofit.pipeline.job import STAGE_VERSIONS
    from gliofit.pipeline.job_settings import JobSettings
    from gliofit.pipeline.plan import Plan
    from gliofit.pipeline.report_files import packed_files, report_files, report_sources
    from gliofit.pipeline.revision import remember_revision
except ImportError as error:
    raise WorkflowError(f"gliofit is not installed with Snakemake ({error}); run `make venv` first") from error


def cores():
    """Return the number of cores of the run; None if unknown (on a cluster)."""
    try:
        return workflow.cores
    except WorkflowError:
        return None


try:
    # Report keys that appear twice, of which Snakemake takes the last.
    for path in workflow.configfiles:
        read_yaml(path)
    CONFIG = load_config(config)
    PLAN = Plan(CONFIG, cores())
except InputError as error:
    raise WorkflowError(str(error)) from error

# Inherited by jobs, so that they do not call git.
remember_revision()

# `config` gets all defaults, so that a changed default repeats jobs like a changed file.
config.update(CONFIG.model_dump(mode="json"))

FILES, COSTS = PLAN.files, read_costs()
BATCHES = Batches(PLAN)
SETTINGS = JobSettings(CONFIG, Path(workflow.basedir))


wildcard_constraints:
    cohort="synthetic|patients",
    case=r"[A-Za-z0-9_-]+",
    shard=r"(train|validation|test)-\d{5}",
    model=r"[a-z0-9-]+",
    method=r"[a-z0-9-]+",
    number=r"\d{5}",
    preset=r"paper|appendix-d",
    batch=r"\d{5}",
    table=r"table[123](-segmentation)?",
    figure=r"figure[347](-segmentation)?",
    anatomy=r"atlas|warped-\d{5}|patient-[A-Za-z0-9_-]+",


def by(function):
    """Return an input or parameter function that passes wildcards to the parameters of the same name."""
    names = inspect.signature(function).parameters
    return lambda wildcards: function(**{name: wildcards[name] for name in names})


def limits(work):
    """Return memory and time limits for work (a function of wildcards), proportional to the attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: attempt * COSTS.limit_megabytes(work(wildcards)),
        "runtime": lambda wildcards, attempt: attempt * COSTS.limit_minutes(work(wildcards)),
    }


def needs(rule):
    """Return memory and time limits of a rule."""
    return limits(lambda wildcards: BATCHES.workload.of(rule, dict(wildcards.items())))


def profiled(resource):
    """Return a resource of a profile as a function for Snakemake."""

    def value(wildcards, input, attempt, threads, rulename, async_run):
        given = {"input": input, "attempt": attempt, "threads": threads, "rulename": rulename, "async_run": async_run}
        return resource.evaluate(wildcards, **given).value

    return value


def needs_of_batch(batch):
    """Return memory, time and GPUs of a batch, or those of `set-resources` for its kind."""
    given = workflow.resource_settings.overwrite_resources.get(batch.rule, {})
    defaults = limits(lambda wildcards: batch.work) | {"gpu": batch.gpu}
    return defaults | {name: profiled(resource) for name, resource in given.items()}


def threads_of_batch(batch):
    """Return one core, or the value of `set-threads` for its kind."""
    given = workflow.resource_settings.overwrite_threads.get(batch.rule)
    return 1 if given is None else given.value


def units_of(batch):
    """Return wildcards and positions of files of the units of a batch."""
    return lambda wildcards: batch.parts
