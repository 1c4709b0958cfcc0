"""Content of a run: cohorts, methods, networks, tables and figures, and inputs of jobs.

Used by rules and ``gliofit estimate``. It depends only on the configuration and the list of patients. No heavy imports
and no images: Snakemake creates it at every start, on clusters for every job.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from gliofit.pipeline.config import Config
from gliofit.pipeline.files import Files, Kind
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import find_cohort, phantom_cases, phantom_files

#: Estimate with the true parameters.
ORACLE = "oracle"

#: Cores of a job that can use all, if their number is unknown (on a cluster).
_CORES = 8

#: Files of a trained network.
_NETWORK = ("weights.safetensors", "model.json")

#: Smallest edge of cubes (voxels) for which a network is faster on a GPU than on a CPU core.
_LARGE_CUBE = 48


class Plan:
    """Content of a run: its cohorts with cases and methods, and the files of its patients.

    Parameters
    ----------
    config
        The configuration.
    cores
        Cores of jobs that can use all.

    Raises
    ------
    InputError
        If the patients of the configuration cannot be used.
    """

    def __init__(self, config: Config, cores: int | None = None) -> None:
        self.config, self.cores, self.files = config, cores or _CORES, Files(f"results/{config.run}")
        self.are_phantoms = config.patients.source is None
        patients: list[PatientFiles] = []
        #: Excluded patients with the reason.
        self.left_out: dict[str, str] = {}
        if "patients" in config.cohorts and self.are_phantoms:
            patients = [phantom_files(case, Path(self.files.phantom(case))) for case in phantom_cases(config.phantoms)]
        elif "patients" in config.cohorts:
            patients, self.left_out = find_cohort(config.patients, config.seed)
        self.patients = {patient.case: patient for patient in patients}
        cases = {"synthetic": config.simulate.case_names(), "patients": list(self.patients)}
        # Cohorts without cases are ignored, so that a configuration can request only trained networks.
        self.cohorts: list[str] = [cohort for cohort in config.cohorts if cases[cohort]]
        self.cases = {name: names if name in self.cohorts else [] for name, names in cases.items()}
        self.methods = {name: config.invert.methods_of(name) if name in self.cohorts else [] for name in cases}

    def spacing_mm(self, cohort: str) -> float:
        """Return the voxel spacing of a cohort; 1 mm (BraTS) is assumed for real patients."""
        if cohort == "synthetic":
            return self.config.simulate.spacing_mm
        return self.config.phantoms.spacing_mm if self.are_phantoms else 1.0

    # ------------------------------------------------------------------------------------------ methods and networks

    @cached_property
    def networks(self) -> list[str]:
        """Networks of the methods, or to be assessed."""
        assess = self.config.assess
        methods = {method for cohort in self.config.cohorts for method in self.config.invert.methods_of(cohort)}
        return sorted({*self._models_of(methods), *assess.models, *assess.sensitivity.surrogates})

    def _models_of(self, methods: Iterable[str]) -> set[str]:
        return {model for method in methods for model in self.config.networks_of(method).values()}

    @cached_property
    def observed(self) -> list[str]:
        """Observations of patients; each has its table 3 and figures 4 and 7."""
        return sorted({self.config.invert.observation_of(method, "patients") for method in self.methods["patients"]})

    @cached_property
    def uncertain(self) -> list[str]:
        """Methods on patients with uncertainty."""
        return [method for method in self.methods["patients"] if self.config.invert.methods[method].gives_uncertainty]

    @cached_property
    def refinements(self) -> dict[str, str]:
        """Methods that refine an estimate, with the refined method."""
        in_use = {method for methods in self.methods.values() for method in methods}
        pairs = {name: settings.refined for name, settings in self.config.invert.methods.items()}
        return {method: start for method, start in pairs.items() if start is not None and method in in_use}

    def estimates(self, cohort: str) -> list[str]:
        """Return all estimates with a forward simulation, in the order of the tables."""
        methods = self.methods[cohort]
        others = [f"{method}-other" for method in methods if self.config.invert.methods[method].keeps_other]
        return [*methods, *others, *([ORACLE] if cohort == "synthetic" else [])]

    def models_of_study(self) -> list[str]:
        """Return the networks of the study's methods."""
        return sorted(self._models_of(self.config.study.methods_in_use if self.config.study.cases else []))

    # -------------------------------------------------------------------------------------------- tables and figures

    @cached_property
    def tables(self) -> list[str]:
        """Names of the tables of the run."""
        synthetic = ["table1", "table2"] if "synthetic" in self.cohorts else []
        return [*synthetic, *(f"table3{self._suffix(observed)}" for observed in self.observed)]

    @cached_property
    def figures(self) -> dict[str, str]:
        """Names of the figures with their cohort; those of patients for every observation."""
        is_synthetic = "synthetic" in self.cohorts
        of_patients = ("figure4", "figure7") if is_synthetic else ("figure3", "figure4", "figure7")
        figures = {"figure3": "synthetic"} if is_synthetic else {}
        return figures | {f"{name}{self._suffix(seen)}": "patients" for name in of_patients for seen in self.observed}

    @staticmethod
    def _suffix(observed: str) -> str:
        """Return the suffix of names of tables and figures; empty for the paper's observation."""
        return "" if observed == "reference" else f"-{observed}"

    @staticmethod
    def cohort_of_table(table: str) -> str:
        """Return the cohort of a table."""
        return "patients" if table.startswith("table3") else "synthetic"

    def inputs_of_table(self, table: str) -> list[str]:
        """Return the evaluation of a table; empty if the run does not have the cohort."""
        cohort = self.cohort_of_table(table)
        return list(self.files.evaluated(cohort).values()) if cohort in self.cohorts else []

    def cohort_of_figure(self, figure: str) -> str:
        """Return the cohort of a figure; figure 3 shows the synthetic one if available, as in the paper."""
        return self.figures.get(figure, "patients")

    def inputs_of_figure(self, figure: str) -> dict[str, list[str]]:
        """Return the evaluation of a figure; for pictures of patients also images and forward simulations."""
        files, cohort = self.files, self.cohort_of_figure(figure)
        inputs = {"evaluation": list(files.evaluated(cohort).values())}
        if figure.startswith("figure4"):
            cases, methods = self.cases["patients"], self.methods["patients"]
            for name in ("t1", "segmentation", "labels"):
                inputs[name] = [files.patient(case, f"{name}.nii.gz") for case in cases]
            inputs["concentrations"] = [
                files.forward("patients", case, method, "concentration.nii.gz") for case in cases for method in methods
            ]
        return inputs

    @property
    def cases_with_pages(self) -> list[str]:
        """Synthetic cases that have a page."""
        return self.config.publish.cases if "synthetic" in self.cohorts else []

    @property
    def cases_to_plan(self) -> list[str]:
        """Patients that get target volumes."""
        return self.cases["patients"] if self.config.plan.methods else []

    # ------------------------------------------------------------------------------------------------ inputs of jobs

    def tissue_kind(self, cohort: str) -> Kind:
        """Return the kind of tissue: averaged fractions of the atlas for synthetic tumours, else as configured."""
        return "probabilities" if cohort == "synthetic" else self.config.tissue

    def tissue_of_case(self, cohort: str, case: str) -> dict[str, str]:
        """Tissue of a case by name."""
        return self.files.tissue_of_case(cohort, case, self.tissue_kind(cohort))

    def atlas_source(self) -> list[str]:
        """Return the images of the user's atlas; empty for the built-in atlas."""
        folder = Path(self.config.atlas.source)
        return sorted(str(path) for path in folder.glob("*.nii*")) if folder.is_dir() else []

    def atlas_images(self) -> dict[str, str]:
        """Images of the atlas by name. Only registration requires T1."""
        names = ["wm", "gm", "csf", "labels", "brain_mask", *(["t1"] if "patients" in self.config.cohorts else [])]
        return {name: self.files.atlas(f"{name}.nii.gz") for name in names}

    def patient_images(self, case: str) -> dict[str, str]:
        """Images of a patient by name."""
        return {name: str(path) for name, path in self.patients[case].images.items()}

    def patient_facts(self, case: str) -> dict[str, str]:
        """Return facts of a patient other than images: name and label scheme."""
        return {"case": case, "labels": self.patients[case].labels}

    @cached_property
    def shards(self) -> list[str]:
        """Return the names of all shards."""
        simulate = self.config.simulate
        trained = [*simulate.shard_names("train"), *simulate.shard_names("validation")] if self.networks else []
        return trained + (simulate.shard_names("test") if "synthetic" in self.cohorts else [])

    def tissue_of_shard(self, shard: str) -> dict[str, str]:
        """Return the tissue of a shard by name."""
        return self.files.tissue_of_anatomy(self.config.simulate.anatomy_of(shard))

    def scores_of_cohort(self, cohort: str) -> dict[str, list[str]]:
        """Return the tables of scores of all cases by name."""
        names = {"metrics": "metrics", "dice_curves": "dice_curve", "agreements": "agreement"}
        cases = self.cases[cohort]
        return {key: [self.files.scores(cohort, case, name) for case in cases] for key, name in names.items()}

    def training_anatomies(self, model: str) -> list[str]:
        """Return the warped atlases of a network's samples."""
        return [] if self.config.train.models[model].anatomies == "atlas" else self.config.simulate.anatomies[1:]

    def training_shards(self, model: str) -> list[str]:
        """Return the names of a network's training shards; empty if samples are generated during training."""
        settings, simulate = self.config.train.models[model], self.config.simulate
        names = [] if settings.data == "generated" else simulate.shard_names("train")
        return [name for name in names if settings.anatomies == "all" or simulate.anatomy_of(name) == "atlas"]

    def inputs_of_training(self, model: str, initial_folder: str | None) -> dict[str, list[str]]:
        """Return samples, tissue and initial network by name."""
        files, inputs = self.files, dict[str, list[str]]()
        shards = {"train": self.training_shards(model), "validation": self.config.simulate.shard_names("validation")}
        for part, names in shards.items():
            inputs[part] = [files.shard(name, "nii") for name in names]
            inputs[f"{part}_tables"] = [files.shard(name, "parquet") for name in names]
        tissues = [files.tissue_of_anatomy(anatomy) for anatomy in self.training_anatomies(model)]
        inputs["warped"] = [path for tissue in tissues for path in tissue.values()]
        inputs["init"] = [f"{initial_folder}/{name}" for name in _NETWORK] if initial_folder else []
        return inputs

    def network_files(self, models: Iterable[str]) -> list[str]:
        """Return the files of trained networks."""
        return [self.files.model(model, name) for model in models for name in _NETWORK]

    def networks_of(self, method: str) -> dict[str, list[str]]:
        """Return the files of a method's networks by role."""
        return {role: self.network_files([model]) for role, model in self.config.networks_of(method).items()}

    def reference(self, case: str) -> str:
        """Return the forward simulation of the reference method on a patient."""
        return self.files.forward("patients", case, self.config.evaluate.reference_method, "concentration.nii.gz")

    def truth(self, cohort: str, case: str) -> dict[str, str]:
        """Return ground truth or reference of a case."""
        files = self.files
        if cohort == "synthetic":
            names = {"truth": "truth.parquet", "reference": "concentration.nii.gz"}
            return {role: files.case(cohort, case, name) for role, name in names.items()}
        truth = {"segmentation": files.patient(case, "segmentation.nii.gz")}
        if self.config.evaluate.reference_method in self.methods["patients"]:
            truth["reference"] = self.reference(case)
        if self.are_phantoms:
            truth["truth"] = files.phantom(case, "truth.parquet")
            truth["truth_concentration"] = files.phantom(case, "truth_concentration.nii.gz")
        return truth

    def plan_files(self, case: str) -> dict[str, str]:
        """Return barriers and follow-up segmentation of a patient, if available."""
        plan = self.config.plan
        paths = {"barriers": plan.file_of("barriers", case), "recurrence": plan.file_of("recurrence", case)}
        return {kind: path for kind, path in paths.items() if path is not None and Path(path).is_file()}

    def image_of_plan(self, case: str) -> str:
        """Return the MRI shown behind a patient's targets: contrast-enhanced T1 if available."""
        images = self.patient_images(case)
        return images.get("t1c", images["t1"])

    def page_images(self, case: str) -> dict[str, str]:
        """Return further MRI of a patient for the page, or the ground truth of a phantom."""
        images = {name: path for name, path in self.patient_images(case).items() if name in ("t1c", "flair")}
        return images | ({"truth": self.files.phantom(case, "truth_concentration.nii.gz")} if self.are_phantoms else {})

    @cached_property
    def anatomies(self) -> list[str]:
        """Return the anatomies of the assessment; its warped atlases are not used in training."""
        assess = self.config.assess
        return assess.anatomies(self.cases["patients"], self.config.simulate.warps.count) if assess.models else []

    def first_cases(self, part: Literal["stability", "sensitivity"]) -> list[list[Any]]:
        """Return name, shard and index of the synthetic cases of a part of the assessment."""
        settings = getattr(self.config.assess, part)
        count = settings.cases if part == "stability" or settings.surrogates else 0
        simulate = self.config.simulate
        return [[case, *simulate.case_location(case)] for case in simulate.case_names()[:count]]

    def inputs_of_search(self, part: Literal["stability", "sensitivity"]) -> dict[str, list[str]]:
        """Return volumes and tables of the shards of those cases, and networks."""
        files, assess = self.files, self.config.assess
        shards = sorted({shard for _, shard, _ in self.first_cases(part)})
        models = assess.sensitivity.surrogates if part == "sensitivity" else self.roles_of_stability().values()
        return {
            "volumes": [files.shard(shard, "nii") for shard in shards],
            "tables": [files.shard(shard, "parquet") for shard in shards],
            "networks": self.network_files(models),
        }

    def roles_of_stability(self) -> dict[str, str]:
        """Return the networks of the search whose stability is analysed, by role."""
        stability = self.config.assess.stability
        return self.config.networks_of(stability.method) if stability.cases else {}

    def assessments(self) -> dict[str, list[str]]:
        """Return the rows of every surrogate and anatomy, by kind."""
        pairs = [(model, anatomy) for model in self.config.assess.models for anatomy in self.anatomies]
        return {
            what: [self.files.assessed(model, what, anatomy) for model, anatomy in pairs]
            for what in ("forward", "gradients")
        }

    def study_batches(self) -> dict[str, list[str]]:
        """Return rows and traces of all batches of the study."""
        study = self.config.study
        stems = [self.files.study(f"batches/{preset}-{n}") for preset in study.presets for n in study.batches]
        return {name: [f"{stem}{end}.parquet" for stem in stems] for name, end in (("cases", ""), ("traces", "_trace"))}

    def target_masks(self, case: str, method: str) -> list[str]:
        """Return the target volumes of a patient by a method, at every margin."""
        pairs = itertools.product(("clinical", "personalised"), self.config.plan.margin_names)
        return [self.files.targets(case, f"{kind}-{margin}.nii.gz", method) for kind, margin in pairs]

    def inputs_of_page(self, cohort: str, case: str) -> dict[str, str | list[str]]:
        """Return images, estimates, forward simulations and scores of a case, and target volumes of a patient."""
        files, methods = self.files, self.methods[cohort]
        inputs: dict[str, str | list[str]] = {
            "labels": files.case(cohort, case, "labels.nii.gz"),
            "metrics": files.scores(cohort, case, "metrics"),
            "parameters": [files.inversion(cohort, case, method, "parameters.parquet") for method in methods],
            "concentrations": [files.forward(cohort, case, method, "concentration.nii.gz") for method in methods],
        }
        if cohort == "synthetic":
            return inputs | self.truth(cohort, case) | files.tissue_of_case(cohort, case, "probabilities")
        planned = self.config.plan.methods
        return inputs | {
            "t1": files.patient(case, "t1.nii.gz"),
            "segmentation": files.patient(case, "segmentation.nii.gz"),
            "checks": files.patient(case, "qc.parquet"),
            "picture": files.patient(case, "qc.png"),
            "uncertainties": [files.forward(cohort, case, m, "uncertainty.nii.gz") for m in self.uncertain],
            "plans": [files.targets(case, "plan.parquet", method) for method in planned],
            "targets": [path for method in planned for path in self.target_masks(case, method)],
        }

    def inputs_of_view(self, case: str) -> dict[str, str | list[str]]:
        """Return the inputs of the three-dimensional picture of a patient."""
        page = self.inputs_of_page("patients", case)
        return {name: page[name] for name in ("segmentation", "labels", "metrics", "concentrations")}

    # ------------------------------------------------------------------------------------------------ cores and GPUs

    def cores_of_shard(self, shard: str) -> int:
        """Return all cores, at most one per sample."""
        return min(self.cores, self.config.simulate.samples_in(shard))

    def cores_of_targets(self, anatomy: str) -> int:
        """Return all cores, at most one per test tumour."""
        return min(self.cores, self.config.assess.cases_of(anatomy))

    @staticmethod
    def gpus_of(integrator: Any, backends: tuple[str, ...] = ("triton",)) -> int:
        """Return one GPU for the accurate integrator with one of these back ends."""
        return int(integrator.name == "accurate" and integrator.backend in backends)

    def gpus_of_simulation(self) -> int:
        """Return one GPU for batches of tumours, unless the integrator is for CPUs only."""
        return self.gpus_of(self.config.simulate.integrator, ("auto", "torch", "triton"))

    def gpus_of_networks(self) -> int:
        """Return one GPU for large networks; small ones are as fast on a CPU core."""
        return int(self.config.train.crop.size > _LARGE_CUBE)

    def gpus_of_method(self, method: str) -> int:
        """Return one GPU for methods with large networks or `device: cuda`."""
        settings: Any = self.config.invert.methods[method]
        integrator = getattr(settings, "integrator", None)
        return int(
            self.cube(method) > _LARGE_CUBE
            or getattr(settings, "device", None) == "cuda"
            or (integrator is not None and self.gpus_of(integrator) > 0)
        )

    def gpus_of_study(self) -> int:
        """Return one GPU for a study with large networks or `device: cuda`."""
        study = self.config.study
        integrators = [self.config.forward.integrator, *(scenario.integrator for scenario in study.scenarios.values())]
        methods = [self.gpus_of_method(method) for method in study.methods_in_use if study.cases]
        return max([*map(self.gpus_of, integrators), *methods])

    def cube(self, method: str) -> int:
        """Return the largest edge in voxels of a method's networks; 0 without networks."""
        return max((self.config.train.crop_of(model).size for model in self._models_of([method])), default=0)
