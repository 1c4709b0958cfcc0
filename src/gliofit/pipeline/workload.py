"""Work of all jobs of a run by rule, from which limits and forecasts are derived (``pipeline.estimate.costs``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import cast

from gliofit.core.work import Work, cubes, megabytes_of_cube
from gliofit.paper import EXTENT_MM
from gliofit.pipeline.plan import Plan
from gliofit.solver.settings import AccurateSettings

#: Memory of jobs on tables and on images.
_TABLES, _IMAGES = Work(megabytes=500), Work(megabytes=2500)


def megabytes_of_volumes(count: float, spacing_mm: float) -> float:
    """Return the memory of a number of volumes in single precision."""
    return 4 * count * prod(EXTENT_MM) / 1e6 / spacing_mm**3


class Workload:
    """Work of the jobs of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config = plan, plan.config
        self.voxels = {cohort: plan.spacing_mm(cohort) ** -3.0 for cohort in ("synthetic", "patients")}

    def kind(self, rule: str, wildcards: Mapping[str, str]) -> str:
        """Return the name of a kind of jobs with equal fixed costs."""
        if rule in ("train_model", "assess_model"):
            return f"{rule} {self.config.train.models[wildcards['model']].architecture}"
        return f"{rule} {wildcards['figure'].partition('-')[0]}" if rule == "draw_figure" else rule

    def of(self, rule: str, wildcards: Mapping[str, str]) -> Work:
        """Return the work of a job by rule and wildcards."""
        work_of_rule = getattr(self, f"_{rule}", lambda **_: _TABLES)
        return cast(Work, work_of_rule(**wildcards))

    # --------------------------------------------------------------------------------------------------------- cases

    def _volumes(self, count: float, cohort: str) -> float:
        return megabytes_of_volumes(count, self.plan.spacing_mm(cohort))

    def inversion(self, method: str, spacing_mm: float) -> Work:
        """One inversion, with volumes of the case and its derivatives."""
        cube = self.plan.cube(method)
        work = self.config.invert.methods[method].work(spacing_mm, cube)
        arrays = megabytes_of_volumes(60, spacing_mm) + max(work.megabytes, megabytes_of_cube(cube))
        size = spacing_mm**-3.0 if self.config.invert.methods[method].gives_concentration else 0.0
        return work + Work.of("volume", spacing_mm**-3.0, megabytes=arrays, size=size)

    def extraction(self) -> Work:
        """One sample as a case."""
        return Work(megabytes=self._volumes(30, "synthetic"), size=self.voxels["synthetic"])

    def simulation(self, cohort: str, gives_field: bool) -> Work:
        """Forward simulation of an estimate; a copy for methods that estimate a field."""
        solve = self.config.forward.integrator.work(self.plan.spacing_mm(cohort))
        work = Work.of("volume", self.voxels[cohort]) if gives_field else solve
        return work + Work(megabytes=self._volumes(40, cohort), size=self.voxels[cohort])

    def uncertainty(self) -> Work:
        """One solution with tangents."""
        integrator = self.config.forward.integrator
        solver = integrator if isinstance(integrator, AccurateSettings) else AccurateSettings()
        work = solver.work(self.plan.spacing_mm("patients"), tangents=True)
        return work + Work(megabytes=self._volumes(60, "patients"), size=self.voxels["patients"])

    def evaluation(self, cohort: str) -> Work:
        """Comparisons of all estimates of a case."""
        count = len(self.plan.estimates(cohort))
        return Work.of("comparison", count * self.voxels[cohort], megabytes=self._volumes(40, cohort), size=count)

    # -------------------------------------------------------------------------------------------- atlas and patients

    def _prepare_atlas(self) -> Work:
        return _IMAGES

    _study_figure = _prepare_atlas

    def _make_phantom(self, case: str) -> Work:
        spacing = self.config.phantoms.spacing_mm
        # Several tumours are tried, one is simulated, and images are created from it.
        grown = AccurateSettings().work(spacing).times(5)
        return grown + Work(megabytes=megabytes_of_volumes(80, spacing), size=spacing**-3.0)

    def _register_patient(self, case: str) -> Work:
        settings = self.config.register
        # From the finest level to the coarsest.
        levels = enumerate(reversed(settings.deformable_iterations))
        steps = sum(iterations * (settings.resolution_mm * 2**level) ** -3.0 for level, iterations in levels)
        arrays = self._volumes(60, "patients") + megabytes_of_volumes(120, settings.resolution_mm)
        return Work.of("deformation", steps, megabytes=arrays, size=self.voxels["patients"])

    # --------------------------------------------------------------------------------------- simulation and training

    def _coarsen_atlas(self) -> Work:
        return _IMAGES + Work(size=self.voxels["synthetic"])

    def _report_pilot(self) -> Work:
        simulate = self.config.simulate
        one = simulate.integrator.work(simulate.pilot_spacing_mm) + Work(size=1)
        return one.times(simulate.pilot_samples) + _IMAGES

    def _warp_atlas(self, number: str) -> Work:
        return Work.of("warp", self.voxels["synthetic"], size=self.voxels["synthetic"]) + _IMAGES

    def _tumours(self, count: int, cores: int) -> Work:
        """Simulations with a solver on every core; volumes are written one by one."""
        simulate = self.config.simulate
        one = simulate.integrator.work(simulate.spacing_mm) + Work(size=self.voxels["synthetic"])
        arrays = megabytes_of_volumes(20 + 15 * cores, simulate.spacing_mm)
        return replace(one.times(count), megabytes=arrays, cores=cores)

    def _simulate_shard(self, shard: str) -> Work:
        return self._tumours(self.config.simulate.samples_in(shard), self.plan.cores_of_shard(shard))

    def _train_model(self, model: str) -> Work:
        settings, simulate, train = self.config.train.models[model], self.config.simulate, self.config.train
        cube = train.crop_of(model).size
        shards = [] if settings.data == "generated" else simulate.shard_names("train")
        stored = simulate.samples_per_shard * (len(shards) + len(simulate.shard_names("validation")))
        work = settings.work(simulate.samples_per_shard * len(self.plan.training_shards(model)), cube)
        # Cached cubes of samples, and a batch without GPU.
        cache = min(1024 * train.cache_gib, 4 * stored * cube**3 / 1e6)
        return replace(work, megabytes=4500 + cache + work.megabytes)

    # ------------------------------------------------------------------------------------------- tables and pictures

    def _rows(self, cohorts: Sequence[str]) -> int:
        """Return the number of rows of tables: every estimate of every case."""
        return sum(len(self.plan.cases[cohort]) * len(self.plan.estimates(cohort)) for cohort in cohorts)

    def _evaluate_cohort(self, cohort: str) -> Work:
        """Comparisons of pairs of methods on every case."""
        rows = self._rows([cohort])
        return Work.of("row", rows, megabytes=500 + 0.1 * self._rows(self.plan.cohorts), size=rows)

    def _write_table(self, table: str = "") -> Work:
        rows = self._rows(self.plan.cohorts)
        return Work.of("row", 0.2 * rows, megabytes=500 + 0.1 * rows)

    _write_refinement = _write_patient_index = _plan_tables = _write_table

    def _patients(self) -> Work:
        """Pictures of patients with a few slices in memory."""
        count = len(self.plan.cases["patients"])
        arrays = megabytes_of_volumes(40, 1.0) + 20 * count
        return Work.of("patient", 1 + count, megabytes=arrays, size=1 + count)

    _write_report = _pack_report = _patients

    def _draw_figure(self, figure: str) -> Work:
        if not figure.startswith("figure4"):
            return self._write_table()
        panels = len(self.plan.inputs_of_figure(figure)["concentrations"]) / max(len(self.plan.observed), 1)
        return Work.of("panel", panels, megabytes=self._patients().megabytes, size=panels)

    def _write_patient_page(self, case: str) -> Work:
        count = len(self.plan.methods["patients"])
        return Work.of("page", count, megabytes=self._volumes(40, "patients"), size=count)

    def _draw_view3d(self, case: str) -> Work:
        return Work(megabytes=self._volumes(40, "patients"))

    def _write_case_page(self, case: str) -> Work:
        count = len(self.plan.methods["synthetic"])
        return Work.of("page", count, megabytes=self._volumes(40, "synthetic"), size=count)

    def _plan_patient(self, case: str, method: str) -> Work:
        targets = len(self.config.plan.margins_mm) * self.voxels["patients"]
        return Work.of("target", targets, megabytes=self._volumes(100, "patients"), size=targets)

    def _plan_picture(self, case: str) -> Work:
        targets = len(self.config.plan.margins_mm) * len(self.config.plan.methods) * self.voxels["patients"]
        return Work.of("target", targets, megabytes=self._volumes(30, "patients"))

    # ------------------------------------------------------------------------------------------ study and assessment

    def _study_cases(self, preset: str, batch: str) -> Work:
        study = self.config.study
        final, works, finest = self.config.forward.integrator.work(study.spacing_mm), [], study.spacing_mm
        for case in study.cases_of(batch):
            runs = study.runs_of(case)
            works += [self.inversion(method, study.spacing_mm) + final for _, method in runs]
            for scenario in (study.scenarios[name] for name in dict.fromkeys(name for name, _ in runs)):
                spacing = scenario.spacing_mm or study.spacing_mm
                finest = min(finest, spacing)
                works.append(scenario.integrator.work(spacing) + final + Work(size=1))
        total = Work.total(works)
        return replace(total, megabytes=total.megabytes + megabytes_of_volumes(40, finest))

    def _assess_tissue(self, case: str) -> Work:
        return self._coarsen_atlas()

    def _assess_targets(self, anatomy: str) -> Work:
        return self._tumours(self.config.assess.cases_of(anatomy), self.plan.cores_of_targets(anatomy))

    def _network(self, work: Work) -> Work:
        """Network on the cube, and its derivatives."""
        return work + Work(megabytes=1500 + megabytes_of_cube(self.config.train.crop.size))

    def _assess_model(self, model: str, anatomy: str) -> Work:
        assess, cube = self.config.assess, cubes(self.config.train.crop.size)
        cases = assess.cases_of(anatomy)
        # Predictions of all tumours; derivatives of surrogate and solver for some.
        solver = AccurateSettings().work(self.config.simulate.spacing_mm, tangents=True)
        derivatives = (solver + Work.of("gradient", cube)).times(min(assess.gradient_cases, cases))
        return self._network(Work.of("prediction", cases * cube, size=cases) + derivatives)

    def _assess_figures(self) -> Work:
        models = len(self.config.assess.models)
        return self._network(Work.of("prediction", models * cubes(self.config.train.crop.size)))

    def _assess_stability(self) -> Work:
        stability = self.config.assess.stability
        searches = stability.cases * (1 + stability.starts * len(stability.radii))
        return self._network(self.inversion(stability.method, self.plan.spacing_mm("synthetic")).times(searches))

    def _assess_sensitivity(self) -> Work:
        sensitivity, cube = self.config.assess.sensitivity, cubes(self.config.train.crop.size)
        # Landscape and searches of every surrogate.
        descents = self.inversion(sensitivity.method, self.plan.spacing_mm("synthetic")).times(10)
        one = Work.of("prediction", sensitivity.points**2 * cube) + descents
        return self._network(one.times(len(sensitivity.surrogates)))
