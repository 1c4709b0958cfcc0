"""Jobs of several cases; each is a rule, created in a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from gliofit.core.work import Work
from gliofit.pipeline.plan import ORACLE, Plan
from gliofit.pipeline.workload import Workload


@dataclass(frozen=True)
class Unit:
    """Unit of a job: a case, or an estimate of a case.

    Files are by name, as paths or lists of paths; the first output names the sidecar.
    """

    wildcards: Mapping[str, str]
    input: Mapping[str, str | list[str]]
    output: Mapping[str, str]
    work: Work


@dataclass(frozen=True)
class Batch:
    """Job of several cases of a cohort.

    Parameters
    ----------
    rule
        Common name of such rules; settings of profiles for it apply to all.
    label
        Method or group of estimates; may be empty.
    number
        Number among the jobs of its kind.
    kind
        Kind of job in the table of costs.
    gpu
        Number of GPUs.
    environment
        Conda environment, a file of ``envs``.
    """

    rule: str
    cohort: str
    label: str
    number: int
    cases: tuple[str, ...]
    units: tuple[Unit, ...]
    kind: str = ""
    gpu: int = 0
    environment: str = "torch"

    @property
    def name(self) -> str:
        """Name of the rule."""
        parts = (self.rule, self.cohort, self.label, f"{self.number:05d}")
        return "_".join(part for part in parts if part).replace("-", "_")

    @property
    def place(self) -> str:
        """Path of log and benchmark in their folders, by case, or by number for several cases."""
        case = self.cases[0] if len(self.cases) == 1 else f"batch-{self.number:05d}"
        return "/".join(part for part in (self.rule, self.cohort, case, self.label) if part)

    @cached_property
    def input(self) -> dict[str, list[str]]:
        """Return the files of all units by name, without repetition."""
        return _files(unit.input for unit in self.units)

    @cached_property
    def output(self) -> dict[str, list[str]]:
        """Return the files of all units by name."""
        return _files(unit.output for unit in self.units)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Return wildcards of every unit, and the positions of its files among ``input`` and ``output`` by name.

        Positions keep the parameters short, which Snakemake stores with every output.
        """
        inputs, outputs = (
            {path: number for number, path in enumerate(path for paths in files.values() for path in paths)}
            for files in (self.input, self.output)
        )
        return [
            {
                "wildcards": unit.wildcards,
                "input": {
                    name: inputs[files] if isinstance(files, str) else [inputs[path] for path in files]
                    for name, files in unit.input.items()
                },
                "output": {name: outputs[file] for name, file in unit.output.items()},
            }
            for unit in self.units
        ]

    @property
    def work(self) -> Work:
        """Return the work of all units."""
        return Work.total(unit.work for unit in self.units)


def _files(units: Iterable[Mapping[str, str | list[str]]]) -> dict[str, list[str]]:
    """Return the files of units by name, each once."""
    merged: dict[str, dict[str, None]] = {}
    for files_by_name in units:
        for name, files in files_by_name.items():
            merged.setdefault(name, {}).update(dict.fromkeys([files] if isinstance(files, str) else files))
    return {name: list(files) for name, files in merged.items()}


class Batches:
    """All batches of a run, by rule (``of``) and by name."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config, self.files, self.workload = plan, plan.config, plan.files, Workload(plan)
        self.of = {
            "extract_case": list(self._extractions()), "invert_case": list(self._inversions()),
            "run_forward": list(self._simulations()), "map_uncertainty": list(self._uncertainties()),
            "evaluate_case": list(self._evaluations()),
        }  # fmt: skip
        self.by_name = {batch.name: batch for batches in self.of.values() for batch in batches}

    def outputs(self, rule: str) -> list[str]:
        """Return all files that jobs of a kind write."""
        return [path for batch in self.of[rule] for paths in batch.output.values() for path in paths]

    def _split(
        self, rule: str, cohort: str, units: Callable[[str], list[Unit]], method: str | None = None, **facts: Any
    ) -> Iterator[Batch]:
        """Create the jobs of a cohort from the units of each case."""
        names = self.plan.cases[cohort]
        # The configured number of cases limits the units, if there are several units per case.
        size = -(-self.config.cases_per_job.size(cohort, method) // len(units(names[0])))
        # Synthetic cases are numbered, so that further cases do not change full batches.
        for number, first in enumerate(range(0, len(names), size)):
            cases = tuple(names[first : first + size])
            parts = tuple(unit for case in cases for unit in units(case))
            yield Batch(rule, cohort, number=number, cases=cases, units=parts, **{"label": method or ""} | facts)

    def _extractions(self) -> Iterator[Batch]:
        if "synthetic" in self.plan.cohorts:
            yield from self._split("extract_case", "synthetic", self._extraction, environment="core")

    def _extraction(self, case: str) -> list[Unit]:
        files = self.files
        shard, _ = self.config.simulate.case_location(case)
        images = ("wm", "gm", "csf", "labels", "brain_mask", "concentration")
        inputs = {"volumes": files.shard(shard, "nii"), "table": files.shard(shard, "parquet")}
        output = {name: files.case("synthetic", case, f"{name}.nii.gz") for name in images}
        output["truth"] = files.case("synthetic", case, "truth.parquet")
        return [Unit({"case": case}, inputs | files.tissue_of_anatomy("atlas"), output, self.workload.extraction())]

    def _inversions(self) -> Iterator[Batch]:
        plan, invert = self.plan, self.config.invert
        for cohort, method in ((c, m) for c in plan.cohorts for m in plan.methods[c]):
            yield from self._split(
                "invert_case", cohort, partial(self._inversion, cohort, method), method,
                kind=invert.methods[method].inverter, gpu=plan.gpus_of_method(method),
                # Some methods that estimate a concentration work in the atlas, which requires ANTs.
                environment="torch_register" if invert.methods[method].gives_concentration else "torch",
            )  # fmt: skip

    def _inversion(self, cohort: str, method: str, case: str) -> list[Unit]:
        """Return tissue, observation, networks, estimate to refine, and atlas with transforms."""
        invert, files = self.config.invert, self.files
        seen = invert.observation_of(method, cohort)
        inputs: dict[str, Any] = self.plan.tissue_of_case(cohort, case) | self.plan.networks_of(method)
        inputs[seen] = self.plan.reference(case) if seen == "reference" else files.case(cohort, case, f"{seen}.nii.gz")
        start = invert.methods[method].refined
        if start is not None:
            inputs["start"] = files.inversion(cohort, case, start, "parameters.parquet")
        if cohort == "patients" and invert.methods[method].needs_atlas:
            inputs["atlas"] = list(files.tissue_of_atlas(self.config.tissue).values())
            inputs["transforms"] = list(files.transforms(case).values())
        names = ["parameters.parquet", "trace.parquet"]
        names += ["concentration.nii.gz"] if invert.methods[method].gives_concentration else []
        output = {name.partition(".")[0]: files.inversion(cohort, case, method, name) for name in names}
        work = self.workload.inversion(method, self.plan.spacing_mm(cohort))
        return [Unit({"cohort": cohort, "case": case, "method": method}, inputs, output, work)]

    def _simulations(self) -> Iterator[Batch]:
        gpu = self.plan.gpus_of(self.config.forward.integrator)
        for cohort in self.plan.cohorts:
            for group, estimates in self._groups(cohort).items():
                yield from self._split(
                    "run_forward", cohort, partial(self._simulation, cohort, estimates), label=group, gpu=gpu
                )

    def _groups(self, cohort: str) -> dict[str, list[str]]:
        """Return groups of estimates per job: the reference, those of plans, and the others."""
        if cohort == "synthetic":
            return {"all": self.plan.estimates(cohort)}
        groups: dict[str, list[str]] = {"reference": [], "planned": [], "others": []}
        for estimate in self.plan.estimates(cohort):
            is_reference = estimate == self.config.evaluate.reference_method
            is_planned = estimate in self.config.plan.methods
            groups["reference" if is_reference else "planned" if is_planned else "others"].append(estimate)
        return {group: members for group, members in groups.items() if members}

    def _simulation(self, cohort: str, estimates: list[str], case: str) -> list[Unit]:
        files, tissue, units = self.files, self.plan.tissue_of_case(cohort, case), []
        truth = files.case(cohort, case, "truth.parquet")
        for estimate in estimates:
            method = estimate.removesuffix("-other")
            parameters = files.inversion(cohort, case, method, "parameters.parquet")
            inputs = tissue | {"parameters": truth if estimate == ORACLE else parameters}
            gives_field = estimate != ORACLE and self.config.invert.methods[method].gives_concentration
            if gives_field:
                inputs["field"] = files.inversion(cohort, case, method, "concentration.nii.gz")
            names = {"concentration": "concentration.nii.gz", "table": "forward.parquet"}
            output = {name: files.forward(cohort, case, estimate, file) for name, file in names.items()}
            wildcards = {"cohort": cohort, "case": case, "estimate": estimate}
            units.append(Unit(wildcards, inputs, output, self.workload.simulation(cohort, gives_field)))
        return units

    def _uncertainties(self) -> Iterator[Batch]:
        if self.plan.uncertain:
            gpu = self.plan.gpus_of(self.config.forward.integrator)
            yield from self._split("map_uncertainty", "patients", self._uncertainty, gpu=gpu)

    def _uncertainty(self, case: str) -> list[Unit]:
        files, tissue = self.files, self.plan.tissue_of_case("patients", case)
        return [
            Unit(
                {"cohort": "patients", "case": case, "method": method},
                tissue | {"parameters": files.inversion("patients", case, method, "parameters.parquet")},
                {"uncertainty": files.forward("patients", case, method, "uncertainty.nii.gz")},
                self.workload.uncertainty(),
            )
            for method in self.plan.uncertain
        ]

    def _evaluations(self) -> Iterator[Batch]:
        for cohort in self.plan.cohorts:
            yield from self._split("evaluate_case", cohort, partial(self._evaluation, cohort), environment="core")

    def _evaluation(self, cohort: str, case: str) -> list[Unit]:
        files, plan = self.files, self.plan
        inputs: dict[str, Any] = plan.truth(cohort, case) | {"labels": files.case(cohort, case, "labels.nii.gz")}
        for name, file in (("concentrations", "concentration.nii.gz"), ("forwards", "forward.parquet")):
            inputs[name] = [files.forward(cohort, case, estimate, file) for estimate in plan.estimates(cohort)]
        methods = plan.methods[cohort]
        inputs["parameters"] = [files.inversion(cohort, case, method, "parameters.parquet") for method in methods]
        output = {name: files.scores(cohort, case, name) for name in ("metrics", "dice_curve", "agreement")}
        return [Unit({"cohort": cohort, "case": case}, inputs, output, self.workload.evaluation(cohort))]
