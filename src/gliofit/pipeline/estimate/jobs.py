"""The jobs of a run, from its configuration alone, and how much work each of them is.

Mirrors what the rules in ``workflow/rules`` ask for; a test compares the numbers with Snakemake's own plan. Work is in
units in which a job's time is about a straight line: simulated voxels and time steps for solvers, cubes that a network
sees, and so on. ``costs.yaml`` holds the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from gliofit.pipeline.config import Config

__all__ = ["Jobs", "plan_jobs"]

Cohort = Literal["synthetic", "patients"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Jobs:
    """Jobs of one rule that cost about the same.

    Parameters
    ----------
    rule
        The rule, and its stage.
    kind
        What sets these jobs apart from others of the rule, such as the inverter; may be empty.
    count
        How many.
    work, size
        Units of work, and of disk, of each; of each case, where it does several.
    files
        Patterns of what they write, below the folder of the run.
    benchmarks
        Pattern of their benchmark files below ``benchmarks/{stage}/{rule}``, without suffix.
    limit_minutes
        Time after which a job stops by itself.
    cases
        How many cases each does one after the other, on average.
    """

    stage: str
    rule: str
    count: int
    kind: str = ""
    work: float = 0.0
    size: float = 0.0
    files: tuple[str, ...] = ()
    benchmarks: str = "*"
    threads: int = 1
    limit_minutes: float | None = None
    cases: float = 1.0

    @property
    def key(self) -> str:
        """Name in the table of costs."""
        return f"{self.rule} {self.kind}".strip()


def plan_jobs(config: Config, patients: int) -> list[Jobs]:
    """Every job of the target ``all``.

    Parameters
    ----------
    config
        The configuration.
    patients
        Number of patients (or phantoms), used where the cohort of patients is asked for.
    """
    return [jobs for jobs in _Plan(config, patients).jobs() if jobs.count]


def _solving(spacing_mm: float, integrator: Any) -> float:
    """Work of growing one tumour, 1 at 1 mm.

    Voxels go with the third power of resolution. Stages of the accurate scheme go with its first power, steps of the
    explicit one with its second.
    """
    return spacing_mm ** (-4.0 if integrator.name == "accurate" else -5.0)


class _Plan:
    """The plan for one configuration."""

    def __init__(self, config: Config, patients: int) -> None:
        self.config = config
        counts: dict[Cohort, int] = {"synthetic": config.simulate.test_cases, "patients": patients}
        self.cases = {cohort: counts[cohort] for cohort in config.cohorts if counts[cohort]}
        phantoms = config.patients.source is None
        # Real patients have voxels of 1 mm, as BraTS has.
        self.spacing_mm: dict[Cohort, float] = {
            "synthetic": config.simulate.spacing_mm,
            "patients": config.phantoms.spacing_mm if phantoms else 1.0,
        }
        self.phantoms = phantoms
        self.methods = {cohort: config.invert.methods_of(cohort) for cohort in self.cases}
        self.cubes = (config.train.crop.size / 64) ** 3
        in_use = {method for cohort in config.cohorts for method in config.invert.methods_of(cohort)}
        networks = {model for method in in_use for model in config.networks_of(method).values()}
        self.networks = sorted(networks | {*config.assess.models, *config.assess.sensitivity.surrogates})

    def jobs(self) -> Iterator[Jobs]:
        yield Jobs("atlas", "prepare_atlas", 1, files=("atlas/*",), benchmarks="")
        if "patients" in self.config.cohorts:
            yield from self._register()
        yield from self._simulate()
        yield from self._train()
        for cohort in self.cases:
            yield from self._cohort(cohort)
        if "patients" in self.cases:
            yield from self._plans()
        yield from self._study()
        yield from self._assess()
        yield from self._publish()

    def _register(self) -> Iterator[Jobs]:
        settings, count, spacing = self.config.register, self.cases.get("patients", 0), self.spacing_mm["patients"]
        if self.phantoms:
            yield Jobs(
                "register", "make_phantom", count, work=spacing**-4, size=spacing**-3, files=("register/phantoms/*/*",)
            )
        levels = settings.deformable_iterations
        work = sum(
            iterations * (settings.resolution_mm * 2 ** (len(levels) - 1 - level)) ** -3
            for level, iterations in enumerate(levels)
        )
        files = ("register/patients/*/*", "register/patients/*/transforms/*")
        yield Jobs("register", "register_patient", count, work=work, size=spacing**-3, files=files, threads=4)

    def _simulate(self) -> Iterator[Jobs]:
        config, spacing = self.config.simulate, self.config.simulate.spacing_mm
        size = spacing**-3
        tissue = ("simulate/tissue/*",)
        yield Jobs("simulate", "coarsen_atlas", 1, work=size, size=size, files=tissue, benchmarks="")
        work = config.pilot_samples * _solving(config.pilot_spacing_mm, config.integrator)
        yield Jobs(
            "simulate", "report_pilot", 1, config.integrator.name, work, config.pilot_samples, ("simulate/pilot.*",), ""
        )
        warped = config.warps.count if self._sees_warped() else 0
        warped += self.config.assess.warped if self.config.assess.models else 0
        yield Jobs("simulate", "warp_atlas", warped, work=size, size=size, files=("simulate/warped/*/*",))
        splits: dict[Split, bool] = {
            "train": bool(self.networks),
            "validation": bool(self.networks),
            "test": "synthetic" in self.cases,
        }
        for split in [split for split, needed in splits.items() if needed]:
            names = config.shard_names(split)
            samples = sum(config.samples_in(name) for name in names) / max(len(names), 1)
            yield Jobs(
                "simulate", "simulate_shard", len(names), config.integrator.name,
                samples * _solving(spacing, config.integrator), samples * size,
                (f"simulate/shards/{split}-*",), f"{split}-*", threads=int(samples),
            )  # fmt: skip
        count, cases = self._batches("synthetic")
        files = ("simulate/synthetic/*/*",)
        yield Jobs("simulate", "extract_case", count, work=size, size=size, files=files, cases=cases)

    def _batches(self, cohort: Cohort, method: str | None = None) -> tuple[int, float]:
        """How many jobs do all cases of a cohort, by a method if they are inversions, and how many each on average."""
        cases = self.cases.get(cohort, 0)
        count = -(-cases // self.config.cases_per_job.size(cohort, method))
        return count, cases / max(count, 1)

    def _sees_warped(self) -> bool:
        """Whether a shard or a network of the run needs warped atlases."""
        models = [self.config.train.models[name] for name in self.networks]
        return bool(self.networks) and (
            self.config.simulate.warps.train_shards > 0 or any(model.anatomies == "all" for model in models)
        )

    def _train(self) -> Iterator[Jobs]:
        simulate = self.config.simulate
        for name in self.networks:
            model = self.config.train.models[name]
            shards = simulate.train_shards + (simulate.warps.train_shards if model.anatomies == "all" else 0)
            samples = shards * simulate.samples_per_shard
            if model.data == "generated":
                samples = model.samples_per_epoch
            elif model.max_samples is not None:
                samples = min(samples, model.max_samples)
            yield Jobs(
                "train", "train_model", 1, model.architecture, model.epochs * samples * self.cubes,
                files=(f"train/{name}/*",), benchmarks=name, threads=self.config.train.threads,
                limit_minutes=model.time_budget_minutes,
            )  # fmt: skip

    def _inversion(self, method: str, spacing_mm: float) -> tuple[str, float]:
        """Kind and work of one inversion of a method on voxels of this size."""
        own: Any = self.config.invert.methods[method]
        voxels = spacing_mm**-3
        work = {
            "cmaes-solver": lambda: sum(
                level.evaluations * _solving(max(level.spacing_mm, spacing_mm), own.integrator)
                for level in own.schedule
            ),
            "gauss-newton": lambda: sum(
                level.evaluations * level.candidates * _solving(max(level.spacing_mm, spacing_mm), own.integrator)
                for level in own.levels
            ),
            "cmaes-surrogate": lambda: own.evaluations * self.cubes,
            "gradient-surrogate": lambda: own.outer_steps * own.inner_steps * self.cubes,
            "hybrid": lambda: own.outer_steps * own.inner_steps * self.cubes,
            "gliodil": lambda: own.epochs * own.time_slices * own.space_cells**3 / 1e6,
            "static-field": lambda: own.steps * max(own.spacing_mm, spacing_mm) ** -3,
        }.get(own.inverter, lambda: self.cubes)()
        integrator = getattr(own, "integrator", None)
        kind = own.inverter if integrator is None or integrator.name == "accurate" else f"{own.inverter} reference"
        return kind, work + voxels

    def _cohort(self, cohort: Cohort) -> Iterator[Jobs]:
        config, spacing = self.config, self.spacing_mm[cohort]
        methods, voxels = self.methods[cohort], self.spacing_mm[cohort] ** -3
        fields = [method for method in methods if config.invert.gives_concentration(method)]
        for method in methods:
            kind, work = self._inversion(method, spacing)
            size = voxels if method in fields else 0.0
            count, cases = self._batches(cohort, method)
            yield Jobs(
                "invert", "invert_case", count, kind, work, size, (f"invert/{cohort}/*/{method}/*",),
                f"{cohort}/*/{method}", cases=cases,
            )  # fmt: skip
        count, cases = self._batches(cohort)
        others = [f"{method}-other" for method in methods if config.invert.keeps_other(method)]
        estimates = [*methods, *others, *(["oracle"] if cohort == "synthetic" else [])]
        integrator = config.forward.integrator
        for estimate in estimates:
            files = tuple(f"forward/{cohort}/*/{estimate}/{name}*" for name in ("concentration", "forward"))
            kind = "of a field" if estimate in fields else integrator.name
            work = voxels if estimate in fields else _solving(spacing, integrator)
            yield Jobs(
                "forward", "run_forward", count, kind, work, voxels, files, f"{cohort}/*/{estimate}", cases=cases
            )
        for method in methods if cohort == "patients" else ():
            if config.invert.gives_uncertainty(method):
                yield Jobs(
                    "forward", "map_uncertainty", count, integrator.name, _solving(spacing, integrator), voxels,
                    (f"forward/{cohort}/*/{method}/uncertainty*",), f"{cohort}/*/{method}", cases=cases,
                )  # fmt: skip
        yield Jobs(
            "evaluate", "evaluate_case", count, work=len(estimates) * voxels, size=len(estimates),
            files=(f"evaluate/{cohort}/*/*",), benchmarks=f"{cohort}/*", cases=cases,
        )  # fmt: skip
        rows = self.cases[cohort] * len(estimates)
        yield Jobs(
            "evaluate", "evaluate_cohort", 1, work=rows, size=rows, files=(f"evaluate/{cohort}/*",), benchmarks=cohort
        )

    def _plans(self) -> Iterator[Jobs]:
        settings, count, voxels = self.config.plan, self.cases["patients"], self.spacing_mm["patients"] ** -3
        if not settings.methods:
            return
        targets = len(settings.margins_mm) * voxels
        for method in settings.methods:
            yield Jobs(
                "plan", "plan_patient", count, work=targets, size=targets, files=(f"plan/patients/*/{method}/*",),
                benchmarks=f"*/{method}",
            )  # fmt: skip
        yield Jobs("plan", "plan_picture", count, work=targets * len(settings.methods), files=("plan/patients/*/*",))
        yield Jobs("plan", "plan_tables", 1, files=("plan/*",), benchmarks="")

    def _study(self) -> Iterator[Jobs]:
        study = self.config.study
        for preset in study.presets if study.cases else ():
            for batch in study.batches:
                runs = [run for case in study.cases_of(batch) for run in study.runs_of(case)]
                work = sum(self._inversion(method, study.spacing_mm)[1] for _, method in runs)
                yield Jobs(
                    "study", "study_cases", 1, "+".join(sorted({self._inversion(m, 1.0)[0] for _, m in runs})), work,
                    len(runs), (f"study/batches/{preset}-{batch}*",), f"{preset}-{batch}",
                )  # fmt: skip
        if study.cases:
            yield Jobs("study", "study_tables", 1, files=("study/*.csv*", "study/*.md*"), benchmarks="")
            yield Jobs("study", "study_figure", 1, files=("study/*.png*", "study/*.pdf*"), benchmarks="")

    def _assess(self) -> Iterator[Jobs]:
        assess, simulate = self.config.assess, self.config.simulate
        grown, voxels = _solving(simulate.spacing_mm, simulate.integrator), simulate.spacing_mm**-3
        if assess.models:
            count = self.cases.get("patients", 0) if assess.patients else 0
            names = [f"patient-{number}" for number in range(count)]
            yield Jobs("assess", "assess_tissue", count, work=voxels, size=voxels, files=("assess/tissue/*/*",))
            groups = {"atlas": "atlas", "warped-*": "warped-00000", "patient-*": "patient-0"}
            anatomies = assess.anatomies(names, simulate.warps.count)
            for pattern, example in groups.items():
                there = [name for name in anatomies if name.partition("-")[0] == example.partition("-")[0]]
                cases = assess.cases_of(example)
                yield Jobs(
                    "assess", "assess_targets", len(there), simulate.integrator.name, cases * grown, cases * voxels,
                    (f"assess/targets/{pattern}/*",), pattern, threads=cases,
                )  # fmt: skip
                for model in assess.models:
                    work = cases * self.cubes + min(assess.gradient_cases, cases) * grown
                    files = tuple(f"assess/models/{model}/{what}/{pattern}.*" for what in ("forward", "gradients"))
                    architecture = self.config.train.models[model].architecture
                    yield Jobs(
                        "assess", "assess_model", len(there), architecture, work, cases, files, f"{model}/{pattern}"
                    )
            files = ("assess/*.csv*", "assess/*.md*")
            yield Jobs("assess", "assess_tables", 1, files=files, benchmarks="")
            files = ("assess/*.png*", "assess/*.pdf*")
            yield Jobs("assess", "assess_figures", 1, work=len(assess.models) * self.cubes, files=files, benchmarks="")
        if assess.stability.cases:
            searches = assess.stability.cases * (1 + len(assess.stability.radii) * assess.stability.starts)
            work = searches * self._inversion(assess.stability.method, simulate.spacing_mm)[1]
            yield Jobs("assess", "assess_stability", 1, work=work, files=("assess/stability/*",), benchmarks="")
        if assess.sensitivity.surrogates:
            work = len(assess.sensitivity.surrogates) * assess.sensitivity.points**2 * self.cubes
            yield Jobs("assess", "assess_sensitivity", 1, work=work, files=("assess/sensitivity/*",), benchmarks="")

    def _publish(self) -> Iterator[Jobs]:
        methods = self.methods.get("patients", [])
        seen = [self.config.invert.observation_of(method, "patients") for method in methods]
        tables = [*((1, 2) if "synthetic" in self.cases else ()), *((3,) if "reference" in seen else ())]
        for number in tables:
            yield Jobs("publish", "write_table", 1, files=(f"publish/tables/table{number}.*",), benchmarks=f"{number}")
        if "segmentation" in seen:
            files = ("publish/tables/table3-segmentation*",)
            yield Jobs("publish", "write_segmentation_table", 1, files=files, benchmarks="")
        refining = any(self.config.invert.refines(m) for methods in self.methods.values() for m in methods)
        if refining:
            yield Jobs("publish", "write_refinement", 1, files=("publish/tables/refinement*",), benchmarks="")
        if "synthetic" in self.cases:
            yield Jobs("publish", "draw_figure3", 1, files=("publish/figures/figure3.*",), benchmarks="figure3")
        patients = self.cases.get("patients", 0)
        for observed in sorted(set(seen)):
            for figure in ("figure4", "figure7", *(() if "synthetic" in self.cases else ("figure3",))):
                name = figure if observed == "reference" else f"{figure}-{observed}"
                work = patients * seen.count(observed) if figure == "figure4" else 0.0
                files = (f"publish/figures/{name}.*",)
                yield Jobs("publish", f"draw_{figure}", 1, work=work, size=work, files=files, benchmarks=name)
        work = float(len(self.methods.get("synthetic", ())))
        pages = len(self.config.publish.cases) if "synthetic" in self.cases else 0
        yield Jobs("publish", "write_case_page", pages, work=work, size=work, files=("publish/cases/*.html*",))
        if patients:
            work = float(len(methods))
            written = ("publish/patients/*.png*", "publish/patients/*.html*")
            yield Jobs("publish", "write_patient_page", patients, work=work, size=work, files=written)
            yield Jobs("publish", "draw_view3d", patients, files=("publish/patients/*.3d.pdf*",))
            yield Jobs("publish", "write_patient_index", 1, files=("publish/patients/index*",), benchmarks="")
        work, files = 1.0 + patients, ("publish/report.html*",)
        yield Jobs("publish", "write_report", 1, work=work, size=work, files=files, benchmarks="")
