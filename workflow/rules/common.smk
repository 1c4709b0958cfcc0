"""The run's plan, and the thin functions through which rules ask it.

What a run consists of is in gliofit.pipeline.plan, its paths in gliofit.pipeline.files, the work of jobs in
gliofit.pipeline.workload. Snakemake runs this whenever it starts, on clusters for every job.
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
    from gliofit.pipeline.workload import Workload
except ImportError as error:
    raise WorkflowError(f"gliofit is not installed beside Snakemake ({error}); run `make venv` first") from error


def cores():
    """Cores of this machine that the run may use; on a cluster nobody knows how many there are."""
    try:
        return workflow.cores
    except WorkflowError:
        return None


try:
    # Snakemake has read these files, but takes the last of a key that appears twice.
    for path in workflow.configfiles:
        read_yaml(path)
    CONFIG = load_config(config)
    PLAN = Plan.of(CONFIG, cores())
except InputError as error:
    raise WorkflowError(str(error)) from error

# Jobs inherit it, so that they need not ask git.
remember_revision()

# From here on `config` holds every key, so that a change of a default makes jobs run again as a change of a file does.
config.update(CONFIG.model_dump(mode="json"))

FILES, COSTS = PLAN.files, read_costs()
WORKLOAD = Workload(PLAN)
BATCHES = Batches(PLAN, WORKLOAD)
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


def by(function, **given):
    """Input or parameter function that passes wildcards on by the names of a function's parameters."""
    names = [name for name in inspect.signature(function).parameters if name not in given]
    return lambda wildcards: function(**{name: wildcards[name] for name in names}, **given)


def limits(work):
    """Memory and time for work, a function of the wildcards; at each further attempt as much again."""
    return {
        "mem_mb": lambda wildcards, attempt: attempt * COSTS.limit_megabytes(work(wildcards)),
        "runtime": lambda wildcards, attempt: attempt * COSTS.limit_minutes(work(wildcards)),
    }


def needs(rule):
    """Memory and time of a rule's jobs."""
    return limits(lambda wildcards: WORKLOAD.of(rule, dict(wildcards.items())))


def profiled(resource):
    """What a profile says, as a function that Snakemake calls."""

    def value(wildcards, input, attempt, threads, rulename, async_run):
        given = {"input": input, "attempt": attempt, "threads": threads, "rulename": rulename, "async_run": async_run}
        return resource.evaluate(wildcards, **given).value

    return value


def needs_of_batch(batch):
    """Memory, time and GPUs of a batch, or what `set-resources` says of all batches of its kind."""
    given = workflow.resource_settings.overwrite_resources.get(batch.rule, {})
    own = limits(lambda wildcards: batch.work) | {"gpu": batch.gpu}
    return own | {name: profiled(resource) for name, resource in given.items()}


def threads_of_batch(batch):
    """One core, or what `set-threads` says of all batches of its kind."""
    given = workflow.resource_settings.overwrite_threads.get(batch.rule)
    return 1 if given is None else given.value


def units_of(batch):
    """What the script needs to tell the cases of a batch apart."""
    return lambda wildcards: batch.parts
