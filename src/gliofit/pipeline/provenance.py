"""Provenance of a result: the chain of jobs and inputs, from the sidecars of the jobs.

A sidecar (``gliofit.pipeline.job``) lists a job's inputs and outputs with their digests, so that a file can be traced
to the jobs and inputs behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gliofit.core.digests import sha256_of
from gliofit.core.errors import InputError
from gliofit.core.sidecars import sidecars
from gliofit.pipeline.config import Config, models_in
from gliofit.pipeline.job import PACKAGE_PREFIX

#: Parameters that are not settings; the sidecar has other keys for them.
_NO_SETTINGS = ("run", "seed")


@dataclass
class Origin:
    """File and the job that wrote it.

    Parameters
    ----------
    path
        Relative to the working directory of the workflow, or as in the configuration.
    sha256
        Digest when it was read; of the traced file, the present digest.
    note
        Problem of the file; empty if there is none.
    job
        Sidecar of the job that wrote it; None for files from outside the workflow.
    inputs
        Inputs of that job.
    left_out
        Why inputs are not listed: they are elsewhere in the tree, or beyond the requested depth.
    """

    path: str
    sha256: str
    note: str = ""
    job: dict[str, Any] | None = None
    inputs: list[Origin] = field(default_factory=list)
    left_out: str = ""

    def notes(self) -> Iterator[str]:
        """Yield the problems of this file and its inputs."""
        if self.note:
            yield f"{self.path} {self.note}"
        for origin in self.inputs:
            yield from origin.notes()

    def as_json(self) -> dict[str, Any]:
        """Return the tree for JSON."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "note": self.note,
            "job": self.job,
            "inputs": [origin.as_json() for origin in self.inputs],
            "left_out": self.left_out,
        }


def find_run(file: Path) -> Path:
    """Find the folder ``results/{run}`` of a file, by its logs and benchmarks.

    Raises
    ------
    InputError
        If the file does not exist or is not in such a folder.
    """
    if not file.is_file():
        raise InputError(file, "file not found", "check the path")
    for folder in file.absolute().parents:
        if (folder / "logs").is_dir() and (folder / "benchmarks").is_dir():
            return folder
    raise InputError(file, "is not in a results/{run} folder", "use a result of the workflow in its original folder")


def trace(file: str | Path, depth: int | None = None) -> Origin:
    """Trace the provenance of a file.

    Parameters
    ----------
    file
        File written by a job of the workflow.
    depth
        Largest number of jobs to trace back; None: no limit.

    Raises
    ------
    InputError
        If the file is not in a run, or has no record.
    """
    file = Path(file)
    run = find_run(file)
    # Paths in sidecars are relative to the parent of results/{run}.
    root = run.parents[1]
    path = file.absolute().relative_to(root).as_posix()
    jobs = _Jobs(root)
    job = jobs.writer_of(path)
    if job is None:
        raise InputError(
            file, "has no record of the job that wrote it",
            "use a result of the workflow; results of older versions get a record when they are computed again",
        )  # fmt: skip
    now = sha256_of(file)
    note = "" if now == _written(job, path) else "has changed since it was written"
    return _origin(path, now, note, jobs, set(), depth)


def _origin(path: str, digest: str, note: str, jobs: _Jobs, seen: set[str], depth: int | None) -> Origin:
    """Return the origin of a file read with this digest."""
    job = jobs.writer_of(path)
    if job is None:
        return Origin(path, digest, note or _outside(jobs.resolve(path), digest))
    if not note and digest != _written(job, path):
        note = "was written again after it was read"
    name = job["output"][0]["path"]
    if name in seen or depth == 0:
        return Origin(path, digest, note, job, left_out="shown above" if name in seen else "beyond the requested depth")
    seen.add(name)
    deeper = None if depth is None else depth - 1
    inputs = [_origin(item["path"], item["sha256"], "", jobs, seen, deeper) for item in job["input"]]
    return Origin(path, digest, note, job, inputs)


def _outside(path: Path, digest: str) -> str:
    """Return the problem of a file from outside the workflow; empty if it is on another machine."""
    return "has changed since it was read" if path.is_file() and sha256_of(path) != digest else ""


def _written(job: dict[str, Any], path: str) -> str:
    """Return the digest of an output in its sidecar."""
    return str(next(item["sha256"] for item in job["output"] if item["path"] == path))


class _Jobs:
    """Sidecars of the runs in a working directory, read on demand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._writers: dict[str, dict[str, dict[str, Any]]] = {}

    def resolve(self, path: str) -> Path:
        """Resolve a path of a sidecar."""
        if path.startswith(PACKAGE_PREFIX):
            return Path(__file__).resolve().parents[3] / path.removeprefix(PACKAGE_PREFIX)
        return self.root / path

    def writer_of(self, path: str) -> dict[str, Any] | None:
        """Return the sidecar of the job that wrote a file, or None."""
        run = "/".join(Path(path).parts[:2])
        if run not in self._writers:
            folder = self.root / run
            inside = not Path(path).is_absolute() and (folder / "logs").is_dir()
            self._writers[run] = dict(_outputs(folder)) if inside else {}
        return self._writers[run].get(path)


def _outputs(run: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return all recorded outputs of a run with their sidecars."""
    for record in sidecars(run):
        yield from ((item["path"], record) for item in record["output"])


def changed_settings(job: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a job that differ from the defaults, by dotted key, and its other parameters.

    Settings unknown to this version are returned in full.
    """
    found: dict[str, Any] = {}
    for name, value in job["params"].items():
        if name in _NO_SETTINGS or name.endswith("_version"):
            continue
        if isinstance(value, dict):
            prefix = "" if name == "settings" else f"{name}."
            found |= {f"{prefix}{key}": item for key, item in _flat(_without_defaults(job, name, value))}
        else:
            found[name] = value
    return found


def _without_defaults(job: dict[str, Any], name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return settings without those equal to the default of their class."""
    stage = Path(job["output"][0]["path"]).parts[2]
    sections = {key: next(iter(models_in(info.annotation)), None) for key, info in Config.model_fields.items()}
    first = [section for key in (name, stage) if (section := sections.get(key)) is not None]
    for model in (*first, *_all_models(Config)):
        if set(values) <= set(model.model_fields):
            try:
                return model.model_validate(values).model_dump(mode="json", exclude_defaults=True)
            except ValidationError:
                break
    return values


def _all_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Return the settings classes in a class, outer ones first."""
    inner = [child for info in model.model_fields.values() for child in models_in(info.annotation)]
    yield from inner
    for child in inner:
        yield from _all_models(child)


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from ((f"{key}.{inner}", item) for inner, item in _flat(value))
        else:
            yield key, value


def tree_text(origin: Origin) -> str:
    """Format the tree: a line per file, and below it the job that wrote it and its inputs."""
    return "\n".join(_lines(origin, ""))


def _lines(origin: Origin, indent: str) -> Iterator[str]:
    note = f"  ! {origin.note}" if origin.note else ""
    left_out = f"  ({_title(origin.job)}, {origin.left_out})" if origin.job and origin.left_out else ""
    yield f"{indent}{origin.path}  {origin.sha256[:12]}{left_out}{note}"
    if origin.job is None or origin.left_out:
        return
    below = f"{indent}  "
    yield f"{below}{_title(origin.job)}, {_circumstances(origin.job)}"
    settings = changed_settings(origin.job)
    if settings:
        yield f"{below}with " + ", ".join(f"{key} {json.dumps(value)}" for key, value in settings.items())
    if origin.inputs:
        yield f"{below}from"
    for item in origin.inputs:
        yield from _lines(item, f"{below}  ")


def _title(job: dict[str, Any]) -> str:
    return " ".join([job["rule"], *(f"{key}={value}" for key, value in job["wildcards"].items())])


def _circumstances(job: dict[str, Any]) -> str:
    """Describe seed, duration, machine and code of a job."""
    code = job["code"]
    changes = " with changes" if code["dirty"] else ""
    threads = "1 thread" if job["threads"] == 1 else f"{job['threads']} threads"
    return (
        f"seed {job['seed']}, {job['started']}, {job['wall_seconds']:.1f} s on {threads} of {job['device']}, "
        f"gliofit {job['versions']['gliofit']} revision {code['revision'][:12]}{changes} "
        f"(sources {code['sources'][:12]})"
    )
