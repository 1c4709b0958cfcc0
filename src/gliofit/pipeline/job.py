"""Common part of all workflow scripts: log, threads, seed, device and sidecar.

``gliofit.pipeline.provenance`` reads the sidecars. No heavy imports: a script calls ``job``, or ``each_unit`` for
several units, and imports its stage inside, so that thread counts are set before numerical libraries are imported and
failed imports are logged.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliofit.core.digests import digest_in_run, sha256_of
from gliofit.core.errors import InputError
from gliofit.pipeline.declared import only_declared
from gliofit.pipeline.files import Files
from gliofit.pipeline.revision import UNKNOWN, remember_revision, source_digest

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

_LOG = logging.getLogger("gliofit")

#: Placeholder in sidecars for the folder of the clone, if it is not the working directory.
PACKAGE_PREFIX = "gliofit:"

#: Raise the number of a stage when its results change. Snakemake tracks rules and scripts but not the package; these
#: numbers are parameters of all rules, so that old results are computed again.
STAGE_VERSIONS = {
    "atlas": 2,
    "register": 4,
    "simulate": 4,
    "train": 3,
    "invert": 8,
    "forward": 4,
    "evaluate": 3,
    "plan": 3,
    "study": 2,
    "assess": 2,
    "publish": 5,
}

#: Environment variables for the number of threads.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """Job of the workflow, or unit of a job; inputs, outputs, parameters and wildcards are by name."""

    rule: str
    #: Paths, or lists of paths.
    input: Any
    #: The first output names the sidecar.
    output: Any
    params: Any
    wildcards: Any
    #: Numbers of threads and of GPUs.
    threads: int
    gpu: int
    #: 0 if nothing is random.
    seed: int

    @property
    def device(self) -> str:
        """``cuda`` if the rule requests a GPU and one is available, else ``cpu``."""
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
        """``results/{run}``, the folder of all outputs."""
        return Path(*Path(self.output[0]).parts[:2])

    @property
    def files(self) -> Files:
        """Paths of the run."""
        return Files(str(self.run_folder))

    @staticmethod
    def progress(what: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
        """Return a function of (done, total) that logs progress at limited intervals."""
        begin, last = time.perf_counter(), -every_seconds

        def report(done: int, total: int) -> None:
            nonlocal last
            elapsed = time.perf_counter() - begin
            if done == total or elapsed - last >= every_seconds:
                last = elapsed
                _LOG.info("%d of %d %s, %.0f s left", done, total, what, elapsed / max(done, 1) * (total - done))

        return report


@contextmanager
def job(snakemake: Snakemake, threads: int | None = None) -> Iterator[Job]:
    """Run the body of a script as a job.

    Output, warnings and errors are written to the rule's log file. After success, a sidecar ``{first output}.json`` is
    written with settings, seed, code, machine, and digests of inputs and outputs. Bad input ends the process with one
    line and exit code 2.

    Parameters
    ----------
    snakemake
        The snakemake object of a script.
    threads
        Number of threads instead of Snakemake's, for jobs whose results depend on it.
    """
    context = _prepare(snakemake, threads or int(snakemake.threads))
    with _logged(snakemake) as terminal:
        try:
            with _recorded(context, _begin(context)):
                yield context
        except Exception as error:  # noqa: BLE001 - every error is logged
            raise SystemExit(_report(error, context, terminal)) from None


def each_unit(snakemake: Snakemake, work: Callable[[Job], None]) -> None:
    """Run every unit of a job (a case, or an estimate of it) like ``job``.

    If a unit fails, the others are still run; then the job fails with the names of failed units. The next attempt
    restores finished results if inputs, parameters and seed are the same.

    Parameters
    ----------
    snakemake
        The snakemake object of a script. Its parameter ``units`` lists the wildcards of every unit and the positions of
        its files (``gliofit.pipeline.case_jobs.Batch.parts``).
    work
        Function for a unit.
    """
    whole = _prepare(snakemake, int(snakemake.threads))
    contexts = [_unit(whole, unit) for unit in snakemake.params["units"]]
    finished = _Unfinished(whole.run_folder, snakemake.rule)
    codes: dict[str, int] = {}
    with _logged(snakemake) as terminal:
        for context in contexts:
            try:
                facts = _begin(context)
                if finished.restore(context.output, facts):
                    _LOG.info("finished in an earlier attempt")
                    continue
                with _recorded(context, facts):
                    work(context)
                if len(contexts) > 1:
                    finished.store(context.output)
            except Exception as error:  # noqa: BLE001 - every error is logged
                codes[_title(context)] = _report(error, context, terminal)
        if codes:
            if len(contexts) > 1:
                _tell(f"gliofit: {len(codes)} of {len(contexts)} failed: {'; '.join(codes)}\n", terminal)
            raise SystemExit(min(codes.values()))
    finished.remove()


def _prepare(snakemake: Snakemake, threads: int) -> Job:
    """Set threads and devices of this process before libraries are imported, and create the job."""
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    # Spinning threads slow down concurrent jobs.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # The user's profile may name a backend that is not available.
    os.environ["MPLBACKEND"] = "agg"
    gpu = int(snakemake.resources.get("gpu", 0))
    if not gpu:
        # Jobs without a GPU request must not use one.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return Job(
        snakemake.rule, snakemake.input, snakemake.output, snakemake.params, snakemake.wildcards, threads, gpu,
        seed=int(snakemake.params.get("seed", 0)),
    )  # fmt: skip


def _unit(whole: Job, unit: Mapping[str, Mapping[str, Any]]) -> Job:
    """Create a unit of a job."""

    def files(kind: str) -> _Named:
        paths = list(getattr(whole, kind))
        return _Named({
            name: paths[place] if isinstance(place, int) else [paths[number] for number in place]
            for name, place in unit[kind].items()
        })  # fmt: skip

    return replace(
        whole, rule=whole.params["rule"], wildcards=_Named(unit["wildcards"]),
        input=files("input"), output=files("output"),
    )  # fmt: skip


class _Named(list[str]):
    """Files or wildcards of a unit, with the interface of Snakemake's; a name may have a list."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        super().__init__(part for item in items.values() for part in ([item] if isinstance(item, str) else item))
        self.__dict__.update(items)

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default)

    def keys(self) -> KeysView[str]:
        return self.__dict__.keys()

    def items(self) -> ItemsView[str, Any]:
        return self.__dict__.items()


class _Unfinished:
    """Finished units of an unfinished job, in ``.unfinished/{job}`` of the run.

    Snakemake deletes the outputs of a job that fails, is interrupted or starts again. To avoid the loss of hours, files
    of finished units are hard-linked here, from where the next attempt restores them.
    """

    def __init__(self, run: Path, job: str) -> None:
        self.run, self.folder = run, run / ".unfinished" / job

    def store(self, outputs: Sequence[str]) -> None:
        """Store the files of a unit; its sidecar, which Snakemake does not delete, stays in place."""
        for path in outputs:
            _link(Path(path), self._copy_of(path))

    def restore(self, outputs: Sequence[str], facts: dict[str, Any]) -> bool:
        """Restore the files of a unit, if they are undamaged and its sidecar has these facts; return whether."""
        sidecar = Path(f"{outputs[0]}.json")
        if not sidecar.is_file():
            return False
        from gliofit.core.io import read_json

        record = read_json(sidecar)
        if any(record[key] != value for key, value in facts.items()):
            return False
        for item in record["output"]:
            copy = self._copy_of(item["path"])
            if not copy.is_file() or sha256_of(copy) != item["sha256"]:
                return False
        for path in outputs:
            _link(self._copy_of(path), Path(path))
            # Results must be newer than their inputs.
            os.utime(path)
        return True

    def remove(self) -> None:
        """Delete all stored files, after the last unit."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copy_of(self, path: str) -> Path:
        return self.folder / Path(path).relative_to(self.run)


def _link(file: Path, name: Path) -> None:
    """Create a hard link, or a copy if links are not supported; an existing file is replaced."""
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _title(context: Job) -> str:
    return " ".join([context.rule, *(f"{key}={value}" for key, value in context.wildcards.items())])


def _begin(context: Job) -> dict[str, Any]:
    """Log the start of a job, and return the facts that determine the results, for the sidecar."""
    _LOG.info("%s on %d thread(s), seed %d", _title(context), context.threads, context.seed)
    return {
        "rule": context.rule,
        "wildcards": dict(context.wildcards.items()),
        "input": [
            {"path": _portable(str(path)), "sha256": digest_in_run(path, context.run_folder)} for path in context.input
        ],
        "params": _plain({key: value for key, value in context.params.items() if key not in ("rule", "units")}),
        "seed": context.seed,
    }


def _report(error: Exception, context: Job, terminal: int) -> int:
    """Log an error, and return the exit code of the process: 2 for bad input (one line), 1 for anything else."""
    if isinstance(error, InputError):
        _LOG.debug("", exc_info=error)
        line = " ".join(str(error).split())
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        # Writing the log failed; gliofit.core.io reports errors of results.
        line = f"{context.folder}: the disk is full; free some space and run again"
    else:
        _tell("".join(traceback.format_exception(error)), terminal)
        return 1
    _tell(f"gliofit: error: {line}\n", terminal)
    return 2


def _tell(text: str, terminal: int) -> None:
    """Write to the log, or to the terminal if the disk is full."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.write(terminal, text.encode())


@contextmanager
def _recorded(context: Job, facts: dict[str, Any]) -> Iterator[None]:
    """Write the sidecar after the body succeeds."""
    sources = source_digest()
    started, clock = datetime.now(UTC), time.perf_counter()
    with only_declared(context):
        yield
    seconds = time.perf_counter() - clock
    from gliofit.core.io import write_json

    revision = remember_revision()
    record = {
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
    }
    write_json(f"{context.output[0]}.json", facts | record)
    cuda = _cuda_in_use()
    # Snakemake's benchmark does not include the memory of GPUs.
    memory = f", {cuda.max_memory_allocated() / 2**30:.2f} GiB peak GPU memory" if cuda else ""
    _LOG.info("done in %.1f s%s", seconds, memory)


@contextmanager
def _logged(snakemake: Snakemake) -> Iterator[int]:
    """Redirect stdout and stderr (also of compiled libraries) to the log file; yield the original stderr."""
    if not snakemake.log:
        yield 2
        return
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", buffering=1) as file:
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
            # Output that a full disk rejects goes to the terminal.
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            for stream, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, stream)
                os.close(copy)


def _plain(value: Any) -> Any:
    """Convert parameters for JSON; sets and tuples become lists."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (int, float)) else _portable(str(value))


def _portable(path: str) -> str:
    """Return a path relative to the working directory or the clone, if it is inside.

    Absolute paths of clones may contain names of users.
    """
    for folder, prefix in ((Path.cwd(), ""), (Path(__file__).resolve().parents[3], PACKAGE_PREFIX)):
        if path.startswith(f"{folder}/"):
            return prefix + path.removeprefix(f"{folder}/")
    return path


def _cuda_in_use() -> Any:
    """Return ``torch.cuda`` if this process uses a GPU, else None."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda and cuda.is_available() and cuda.is_initialized() else None


def device_name() -> str:
    """Return the model of the GPU used, else of the CPU."""
    if cuda := _cuda_in_use():
        return str(cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Return versions of Python, this package and numerical libraries."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in ("gliofit", "numpy", "scipy", "numba", "torch", "antspyx"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
