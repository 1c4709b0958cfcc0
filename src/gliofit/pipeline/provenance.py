"""How a result was made: the chain of jobs and inputs behind a file, read from the sidecars that jobs write.

A sidecar (``gliofit.pipeline.job``) lists a job's inputs and outputs with their digests, so a file is traced to the job
that wrote it, that job's inputs to theirs, and so on to files that no job wrote.
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

__all__ = ["Origin", "changed_settings", "find_run", "trace", "tree_text"]

#: Parameters that are told apart from settings: by a line of their own, or by the sidecar's other keys.
_NO_SETTINGS = ("run", "seed")


@dataclass
class Origin:
    """A file, and the job that wrote it.

    Parameters
    ----------
    path
        Relative to the folder the workflow ran in, or as the configuration names it.
    sha256
        What the job that read it found; of the file asked about, what is there now.
    note
        What is wrong with it; empty where nothing is.
    job
        The sidecar of the job that wrote it; None for files from outside the workflow.
    inputs
        What that job read.
    left_out
        Why inputs are not listed: because they are elsewhere in the tree, or lie deeper than asked for.
    """

    path: str
    sha256: str
    note: str = ""
    job: dict[str, Any] | None = None
    inputs: list[Origin] = field(default_factory=list)
    left_out: str = ""

    def notes(self) -> Iterator[str]:
        """Everything wrong with this file and those behind it."""
        if self.note:
            yield f"{self.path} {self.note}"
        for origin in self.inputs:
            yield from origin.notes()

    def as_json(self) -> dict[str, Any]:
        """The tree as JSON holds it."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "note": self.note,
            "job": self.job,
            "inputs": [origin.as_json() for origin in self.inputs],
            "left_out": self.left_out,
        }


def find_run(file: Path) -> Path:
    """Folder ``results/{run}`` that a file lies in: the one with the jobs' logs and benchmarks.

    Raises
    ------
    InputError
        If the file does not exist or lies in no such folder.
    """
    if not file.is_file():
        raise InputError(file, "file not found", "check the path")
    for folder in file.absolute().parents:
        if (folder / "logs").is_dir() and (folder / "benchmarks").is_dir():
            return folder
    raise InputError(
        file, "lies in no results/{run} folder", "name a file that the workflow made, where the workflow made it"
    )


def trace(file: str | Path, depth: int | None = None) -> Origin:
    """Follow a file back to what it was made from.

    Parameters
    ----------
    file
        A file that a job of the workflow wrote.
    depth
        How many jobs to go back at most; None: to files from outside the workflow.

    Raises
    ------
    InputError
        If the file lies in no run, or no job says that it wrote it.
    """
    file = Path(file)
    run = find_run(file)
    # Paths in sidecars begin with results/{run}.
    root = run.parents[1]
    path = file.absolute().relative_to(root).as_posix()
    jobs = _Jobs(root)
    job = jobs.writer_of(path)
    if job is None:
        raise InputError(
            file, "has no record of the job that wrote it",
            "name a result of the workflow; one of an older version has a record when it is made again",
        )  # fmt: skip
    now = sha256_of(file)
    note = "" if now == _written(job, path) else "has changed since it was written"
    return _origin(path, now, note, jobs, set(), depth)


def _origin(path: str, digest: str, note: str, jobs: _Jobs, seen: set[str], depth: int | None) -> Origin:
    """Origin of a file that a job read with this digest, and what is behind it."""
    job = jobs.writer_of(path)
    if job is None:
        return Origin(path, digest, note or _outside(jobs.resolve(path), digest))
    if not note and digest != _written(job, path):
        note = "was made again after it was read"
    name = job["output"][0]["path"]
    if name in seen or depth == 0:
        return Origin(path, digest, note, job, left_out="shown above" if name in seen else "deeper than asked for")
    seen.add(name)
    deeper = None if depth is None else depth - 1
    inputs = [_origin(item["path"], item["sha256"], "", jobs, seen, deeper) for item in job["input"]]
    return Origin(path, digest, note, job, inputs)


def _outside(path: Path, digest: str) -> str:
    """What is wrong with a file from outside the workflow; nothing where it was read on another machine."""
    return "has changed since it was read" if path.is_file() and sha256_of(path) != digest else ""


def _written(job: dict[str, Any], path: str) -> str:
    """Digest of an output as its job wrote it."""
    return str(next(item["sha256"] for item in job["output"] if item["path"] == path))


class _Jobs:
    """Sidecars of the runs below a working folder, read as they are needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._writers: dict[str, dict[str, dict[str, Any]]] = {}

    def resolve(self, path: str) -> Path:
        """Where a path of a sidecar lies."""
        if path.startswith(PACKAGE_PREFIX):
            return Path(__file__).resolve().parents[3] / path.removeprefix(PACKAGE_PREFIX)
        return self.root / path

    def writer_of(self, path: str) -> dict[str, Any] | None:
        """Sidecar of the job that wrote a file, if one did."""
        run = "/".join(Path(path).parts[:2])
        if run not in self._writers:
            folder = self.root / run
            inside = not Path(path).is_absolute() and (folder / "logs").is_dir()
            self._writers[run] = dict(_outputs(folder)) if inside else {}
        return self._writers[run].get(path)


def _outputs(run: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every output of a run that a job has a record of, with that record."""
    for record in sidecars(run):
        yield from ((item["path"], record) for item in record["output"])


def changed_settings(job: dict[str, Any]) -> dict[str, Any]:
    """Settings of a job that differ from their defaults, by dotted key, and its other parameters.

    Raises nothing for settings that this version does not know: those are given in full.
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
    """Settings less those that are the default of the settings class they belong to."""
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
    """Settings classes below a class, outer ones first."""
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
    """A tree for people: a line for each file, and below it the job that wrote it and what that job read."""
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
    """Seed, duration, machine and code of a job."""
    code = job["code"]
    changes = " with changes" if code["dirty"] else ""
    threads = "1 thread" if job["threads"] == 1 else f"{job['threads']} threads"
    return (
        f"seed {job['seed']}, {job['started']}, {job['wall_seconds']:.1f} s on {threads} of {job['device']}, "
        f"gliofit {job['versions']['gliofit']} revision {code['revision'][:12]}{changes} "
        f"(sources {code['sources'][:12]})"
    )
