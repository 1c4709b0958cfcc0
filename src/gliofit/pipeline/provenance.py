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


@dataclass
class Origin:
    """File and the job that wrote it."""

    #: Relative to the working directory of the workflow, or as in the configuration.
    path: str
    #: Digest when it was read; of the traced file, the present digest.
    sha256: str
    #: Problem of the file; empty if there is none.
    note: str = ""
    #: Sidecar of the job that wrote it; None for files from outside the workflow.
    job: dict[str, Any] | None = None
    #: Inputs of that job.
    inputs: list[Origin] = field(default_factory=list)
    #: Why inputs are not listed: they are elsewhere in the tree, or beyond the requested depth.
    left_out: str = ""

    def notes(self) -> Iterator[str]:
        """Yield the problems of this file and its inputs."""
        if self.note:
            yield f"{self.path} {self.note}"
        for origin in self.inputs:
            yield from origin.notes()


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
        If the file does not exist, is not in a run, or has no record.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(file, "file not found", "check the path")
    folders = file.absolute().parents
    runs = [folder for folder in folders if (folder / "logs").is_dir() and (folder / "benchmarks").is_dir()]
    if not runs:
        raise InputError(
            file, "is not in a results/{run} folder", "use a result of the workflow in its original folder"
        )
    # Paths in sidecars are relative to the parent of results/{run}.
    root = runs[0].parents[1]
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
        file = jobs.resolve(path)
        # A missing file is on another machine.
        has_changed = file.is_file() and sha256_of(file) != digest
        return Origin(path, digest, "has changed since it was read" if has_changed else "")
    if not note and digest != _written(job, path):
        note = "was written again after it was read"
    name = job["output"][0]["path"]
    if name in seen or depth == 0:
        return Origin(path, digest, note, job, left_out="shown above" if name in seen else "beyond the requested depth")
    seen.add(name)
    deeper = None if depth is None else depth - 1
    inputs = [_origin(item["path"], item["sha256"], "", jobs, seen, deeper) for item in job["input"]]
    return Origin(path, digest, note, job, inputs)


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
            is_run = not Path(path).is_absolute() and (folder / "logs").is_dir()
            records = sidecars(folder) if is_run else ()
            self._writers[run] = {item["path"]: record for record in records for item in record["output"]}
        return self._writers[run].get(path)


def changed_settings(job: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a job that differ from the defaults, by dotted key, and its other parameters.

    Settings unknown to this version are returned in full.
    """
    settings: dict[str, Any] = {}
    for name, value in job["params"].items():
        if name in ("run", "seed") or name.endswith("_version"):
            # Not settings; the sidecar has other keys for them.
            continue
        if isinstance(value, dict):
            prefix = "" if name == "settings" else f"{name}."
            settings |= {f"{prefix}{key}": item for key, item in _flat(_without_defaults(job, name, value))}
        else:
            settings[name] = value
    return settings


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


def tree_text(origin: Origin, indent: str = "") -> str:
    """Format the tree: a line per file, and below it the job that wrote it and its inputs."""
    note = f"  ! {origin.note}" if origin.note else ""
    left_out = f"  ({_title(origin.job)}, {origin.left_out})" if origin.job and origin.left_out else ""
    lines = [f"{indent}{origin.path}  {origin.sha256[:12]}{left_out}{note}"]
    if origin.job and not origin.left_out:
        below = f"{indent}  "
        lines.append(f"{below}{_title(origin.job)}, {_circumstances(origin.job)}")
        settings = changed_settings(origin.job)
        if settings:
            lines.append(f"{below}with {', '.join(f'{key} {json.dumps(value)}' for key, value in settings.items())}")
        lines += [f"{below}from"] if origin.inputs else []
        lines += [tree_text(item, f"{below}  ") for item in origin.inputs]
    return "\n".join(lines)


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
