"""What every script of the workflow does before and after its work: log, threads, seed, device, sidecar.

``gliofit.pipeline.provenance`` reads the sidecars. Imports nothing heavy: a script calls ``job``, or ``each_unit``
where a job does several things one after the other, and imports its stage inside, so that numerical libraries find the
thread counts already set and a failed import is logged.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliofit.core.digests import digest_in_run, sha256_of
from gliofit.core.errors import InputError
from gliofit.pipeline.files import Files
from gliofit.pipeline.revision import UNKNOWN, remember_revision, source_digest
from gliofit.pipeline.unfinished import Unfinished

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

__all__ = ["PACKAGE_PREFIX", "STAGE_VERSIONS", "Job", "device_name", "each_unit", "job"]

#: Stands in sidecars for the folder of the clone, where that is not the working folder.
PACKAGE_PREFIX = "gliofit:"

#: Raise a stage's number whenever its code gives other results. Snakemake sees rules and scripts but not the package,
#: so this is what makes old results run again. The numbers are part of every rule's parameters and of the sidecars.
STAGE_VERSIONS = {
    "atlas": 2,
    "register": 4,
    "simulate": 4,
    "train": 2,
    "invert": 7,
    "forward": 4,
    "evaluate": 3,
    "plan": 3,
    "study": 2,
    "assess": 2,
    "publish": 5,
}

#: Libraries that choose their own thread count unless told.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


@dataclass(frozen=True)
class Job:
    """One job of the workflow, or one unit of a job that has several, in plain Python objects.

    Parameters
    ----------
    input, output
        Files by name, as paths (or lists of paths). The first output names the sidecar.
    params
        The rule's parameters by name.
    wildcards
        Values that make this job out of its rule.
    threads
        Threads this job may use.
    seed
        Seed of this job; 0 where nothing is random.
    """

    rule: str
    input: Any
    output: Any
    params: Any
    wildcards: Any
    threads: int
    gpu: int
    seed: int

    @property
    def device(self) -> str:
        """``cuda`` if the rule asked for a GPU and there is one, else ``cpu``."""
        if not self.gpu:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def folder(self) -> Path:
        """Folder of the first output."""
        return Path(self.output[0]).parent

    @property
    def run_folder(self) -> Path:
        """``results/{run}``, which every output lies in."""
        return Path(*Path(self.output[0]).parts[:2])

    @property
    def files(self) -> Files:
        """Paths of the run."""
        return Files(str(self.run_folder))

    @staticmethod
    def progress(what: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
        """A function of (done, total) that logs how far the job is, not more often than asked for."""
        log, begin, last = logging.getLogger("gliofit"), time.perf_counter(), [-every_seconds]

        def report(done: int, total: int) -> None:
            elapsed = time.perf_counter() - begin
            if done == total or elapsed - last[0] >= every_seconds:
                last[0] = elapsed
                log.info("%d of %d %s, %.0f s left", done, total, what, elapsed / max(done, 1) * (total - done))

        return report


@contextmanager
def job(snakemake: Snakemake, threads: int | None = None) -> Iterator[Job]:
    """Run the body of a script as one job.

    Everything printed, warned or raised goes to the rule's log file; a sidecar ``{first output}.json`` with settings,
    seed, code, machine, and digests of inputs and outputs is written when the body ends well. Bad input ends the
    process with one line and exit code 2.

    Parameters
    ----------
    snakemake
        What Snakemake gives a script.
    threads
        Threads to use in place of what Snakemake grants, for jobs whose results depend on their number.
    """
    threads = threads or int(snakemake.threads)
    _prepare(snakemake, threads)
    context = _whole(snakemake, threads)
    with _logged(snakemake) as terminal:
        try:
            with _recorded(context, _begin(context)):
                yield context
        except Exception as error:  # noqa: BLE001 - whatever it is, the log shows it
            raise SystemExit(_report(error, context, terminal)) from None


def each_unit(snakemake: Snakemake, work: Callable[[Job], None]) -> None:
    """Do the same with every unit of a job (a case, or an estimate of it), one after the other, each as ``job`` does.

    If a unit fails, the others are done all the same; then the job fails and names those that failed. The next attempt
    restores finished results (``gliofit.pipeline.unfinished``) if inputs, parameters and seed are the same.

    Parameters
    ----------
    snakemake
        The object that a script finds. Its parameter ``units`` lists the wildcards of every unit and the positions of
        its files among all (``gliofit.pipeline.case_jobs.Batch.parts``).
    work
        What to do with a unit.
    """
    threads = int(snakemake.threads)
    _prepare(snakemake, threads)
    whole = _whole(snakemake, threads)
    contexts = [_unit(whole, unit) for unit in snakemake.params["units"]]
    finished = Unfinished(whole.run_folder, snakemake.rule)
    codes: dict[str, int] = {}
    with _logged(snakemake) as terminal:
        for context in contexts:
            try:
                facts = _begin(context)
                if finished.restore(context.output, facts):
                    logging.getLogger("gliofit").info("done by an earlier attempt")
                    continue
                with _recorded(context, facts):
                    work(context)
                if len(contexts) > 1:
                    finished.keep(context.output)
            except Exception as error:  # noqa: BLE001 - whatever it is, the log shows it
                codes[_title(context)] = _report(error, context, terminal)
        if codes:
            if len(contexts) > 1:
                _tell(f"gliofit: {len(codes)} of {len(contexts)} failed: {'; '.join(codes)}\n", terminal)
            raise SystemExit(min(codes.values()))
    finished.remove()


def _prepare(snakemake: Snakemake, threads: int) -> None:
    """Threads and devices of this process, before any library asks for them."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    # Threads that spin while they wait slow down the jobs beside them.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # A backend that the user's profile names may be one that matplotlib does not have.
    os.environ["MPLBACKEND"] = "agg"
    if not int(snakemake.resources.get("gpu", 0)):
        # Jobs that asked for no GPU run many at a time; none of them should take one because it is there.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _whole(snakemake: Snakemake, threads: int) -> Job:
    """The job as Snakemake has it."""
    return Job(
        rule=snakemake.rule,
        input=snakemake.input,
        output=snakemake.output,
        params=snakemake.params,
        wildcards=snakemake.wildcards,
        threads=threads,
        gpu=int(snakemake.resources.get("gpu", 0)),
        seed=int(snakemake.params.get("seed", 0)),
    )


def _unit(whole: Job, unit: Mapping[str, Mapping[str, Any]]) -> Job:
    """One unit of a job."""

    def files(kind: str) -> _Named:
        every = list(getattr(whole, kind))
        return _Named({
            name: every[place] if isinstance(place, int) else [every[number] for number in place]
            for name, place in unit[kind].items()
        })  # fmt: skip

    return replace(
        whole, rule=whole.params["rule"], wildcards=_Named(unit["wildcards"]),
        input=files("input"), output=files("output"),
    )  # fmt: skip


class _Named(list[str]):
    """Files or wildcards of a unit, as Snakemake gives them for a whole job.

    Parameters
    ----------
    items
        Each with its name; a name may have a list.
    """

    def __init__(self, items: Mapping[str, Any]) -> None:
        super().__init__(part for item in items.values() for part in ([item] if isinstance(item, str) else item))
        self._named = dict(items)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_named"][name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        return self._named.get(name, default)

    def keys(self) -> KeysView[str]:
        return self._named.keys()

    def items(self) -> ItemsView[str, Any]:
        return self._named.items()


def _title(context: Job) -> str:
    return " ".join([context.rule, *(f"{key}={value}" for key, value in context.wildcards.items())])


def _begin(context: Job) -> dict[str, Any]:
    """Log what is about to be done.

    Returns
    -------
    What the results follow from, as the sidecar has it.
    """
    log = logging.getLogger("gliofit")
    log.info("%s on %d thread(s), seed %d", _title(context), context.threads, context.seed)
    inputs = [
        {"path": _portable(str(path)), "sha256": digest_in_run(path, context.run_folder)} for path in context.input
    ]
    params = {key: value for key, value in context.params.items() if key not in ("rule", "units")}
    return {
        "rule": context.rule,
        "wildcards": dict(context.wildcards.items()),
        "input": inputs,
        "params": _plain(params),
        "seed": context.seed,
    }


def _report(error: Exception, context: Job, terminal: int) -> int:
    """Say what went wrong, bad input in one line.

    Returns
    -------
    Exit code of the process: 2 for bad input, 1 for anything else.
    """
    if isinstance(error, InputError):
        logging.getLogger("gliofit").debug("", exc_info=error)
        _tell(f"gliofit: error: {' '.join(str(error).split())}\n", terminal)
        return 2
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        # Of the log itself; results are written by gliofit.core.io, which tells.
        _tell(f"gliofit: error: {context.folder}: the disk is full; make space and run again\n", terminal)
        return 2
    _tell("".join(traceback.format_exception(error)), terminal)
    return 1


def _tell(text: str, terminal: int) -> None:
    """Write into the log; on the terminal where the log's disk takes no more."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.write(terminal, text.encode())


@contextmanager
def _recorded(context: Job, facts: dict[str, Any]) -> Iterator[None]:
    """Write the sidecar of what the body does, if it ends well."""
    sources = source_digest()
    started, clock = datetime.now(UTC), time.perf_counter()
    yield
    seconds = time.perf_counter() - clock
    _write_sidecar(context, facts, sources, started, seconds)
    logging.getLogger("gliofit").info("done in %.1f s%s", seconds, _peak_device_memory())


@contextmanager
def _logged(snakemake: Snakemake) -> Iterator[int]:
    """Point stdout and stderr, also those of compiled libraries, at the rule's log file; yields what stderr was."""
    if not snakemake.log:
        yield 2
        return
    path = snakemake.log[0]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", buffering=1) as file:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = os.dup(1), os.dup(2)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s", force=True
        )
        logging.captureWarnings(True)
        try:
            yield saved[1]
        finally:
            # What a full disk did not take comes out on the terminal.
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])


def _plain(value: Any) -> Any:
    """Parameters as JSON holds them; sets and tuples of settings become lists."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (int, float, bool, type(None))):
        return value
    return _portable(str(value))


def _portable(path: str) -> str:
    """A path relative to the working folder or the clone, where it lies in them; anything else as it is.

    Where a clone lies says who made it. Paths elsewhere are those that the configuration names.
    """
    for folder, prefix in ((Path.cwd(), ""), (Path(__file__).resolve().parents[3], PACKAGE_PREFIX)):
        if path.startswith(f"{folder}/"):
            return prefix + path.removeprefix(f"{folder}/")
    return path


def _write_sidecar(context: Job, facts: dict[str, Any], sources: str, started: datetime, seconds: float) -> None:
    """Write beside the first output how it was made, and from what."""
    from gliofit.core.io import write_json

    revision = remember_revision()
    write_json(
        f"{context.output[0]}.json",
        facts
        | {
            "output": [{"path": str(path), "sha256": sha256_of(path)} for path in context.output],
            "threads": context.threads,
            "device": device_name(),
            "started": started.isoformat(timespec="seconds"),
            "wall_seconds": round(seconds, 3),
            "code": {
                "revision": revision.removesuffix("-dirty"),
                "dirty": None if revision == UNKNOWN else revision.endswith("-dirty"),
                "sources": sources,
            },
            "versions": _versions(),
        },
    )


def device_name() -> str:
    """Model of the GPU that the job used, else of the CPU; never the machine's name."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Versions of Python, this package, and the numerical libraries that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in ("gliofit", "numpy", "scipy", "numba", "torch", "antspyx"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def _peak_device_memory() -> str:
    """Peak memory on the GPU, which Snakemake's benchmark does not see."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return ""
    return f", {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB on the GPU at most"
