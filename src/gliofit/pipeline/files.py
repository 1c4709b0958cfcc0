"""Paths of all results of a run, for rules, scripts, ``gliofit estimate`` and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Tissue of the growth model: label map or probability maps.
Kind = Literal["labels", "probabilities"]

#: Tables of a cohort from stage evaluate.
_COHORT_TABLES = ("metrics", "tests", "summary", "dice_curve", "agreement", "cases")

#: Images of a patient from stage register.
_REGISTERED = ("t1", "wm", "gm", "csf", "labels", "brain_mask", "segmentation")

#: Images of tissue by kind.
_TISSUE = {"labels": ("labels",), "probabilities": ("wm", "gm", "csf")}

#: Transforms between atlas and patient.
_TRANSFORMS = {"affine": "affine.mat", "warp": "warp.nii.gz", "inverse_warp": "inverse_warp.nii.gz"}


@dataclass(frozen=True)
class Files:
    """Paths of a run.

    Names of cases, methods and so on may be wildcards of a rule (``{case}``). Without a file name, methods return the
    folder. ``root`` is the folder of the run, ``results/{run}``.
    """

    root: str

    def _path(self, *parts: str) -> str:
        return "/".join([self.root, *(part for part in parts if part)])

    # -------------------------------------------------------------------------------------------- atlas and patients

    def atlas(self, name: str = "") -> str:
        """File of the atlas."""
        return self._path("atlas", name)

    def phantom(self, case: str, name: str = "") -> str:
        """Input file of a phantom patient, or its ground truth."""
        return self._path("register/phantoms", case, name)

    def patient(self, case: str, name: str = "") -> str:
        """File of a registered patient."""
        return self._path("register/patients", case, name)

    def registered(self, case: str) -> dict[str, str]:
        """Images and transforms of a registered patient by name."""
        images = {name: self.patient(case, f"{name}.nii.gz") for name in _REGISTERED}
        return images | self.transforms(case)

    def transforms(self, case: str) -> dict[str, str]:
        """Transforms between the atlas and a patient by name."""
        return {name: self.patient(case, f"transforms/{file}") for name, file in _TRANSFORMS.items()}

    def case(self, cohort: str, case: str, name: str = "") -> str:
        """File of a case: tissue, observation or ground truth."""
        return self.patient(case, name) if cohort == "patients" else self._path("simulate/synthetic", case, name)

    # --------------------------------------------------------------------------------------- simulation and training

    def simulate(self, name: str) -> str:
        """File about all simulations."""
        return self._path("simulate", name)

    def anatomy(self, anatomy: str, name: str = "") -> str:
        """File of an anatomy: ``atlas``, ``warped-{number}`` or ``patient-{case}``."""
        kind, _, rest = anatomy.partition("-")
        folders = {"atlas": "simulate/tissue", "warped": "simulate/warped", "patient": "assess/tissue"}
        return self._path(folders[kind], rest, name)

    def shard(self, shard: str, suffix: str) -> str:
        """Volumes (``nii``) or parameters (``parquet``) of a shard of simulated tumours."""
        return self._path("simulate/shards", f"{shard}.{suffix}")

    def model(self, model: str, name: str = "") -> str:
        """File of a trained network."""
        return self._path("train", model, name)

    # ------------------------------------------------------------------------------------------ estimates and scores

    def inversion(self, cohort: str, case: str, method: str, name: str = "") -> str:
        """File of a method's estimate."""
        return self._path("invert", cohort, case, method, name)

    def forward(self, cohort: str, case: str, estimate: str, name: str = "") -> str:
        """File of the forward simulation of an estimate."""
        return self._path("forward", cohort, case, estimate, name)

    def scores(self, cohort: str, case: str, name: str) -> str:
        """Table of the scores of a case."""
        return self._path("evaluate", cohort, case, f"{name}.parquet")

    def evaluation(self, cohort: str) -> str:
        """Folder of a cohort's evaluation."""
        return self._path("evaluate", cohort)

    def evaluated(self, cohort: str) -> dict[str, str]:
        """Tables of a cohort's evaluation by name."""
        return {name: f"{self.evaluation(cohort)}/{name}.parquet" for name in _COHORT_TABLES}

    # ----------------------------------------------------------------------------- plans, study, assessment, reports

    def plan(self, name: str) -> str:
        """File about the target volumes of all patients."""
        return self._path("plan", name)

    def targets(self, case: str, name: str, method: str = "") -> str:
        """File about the target volumes of a patient, by one method or by all."""
        return self._path("plan/patients", case, method, name)

    def study(self, name: str) -> str:
        """File of the study."""
        return self._path("study", name)

    def assess(self, name: str) -> str:
        """File of the assessment of networks."""
        return self._path("assess", name)

    def assessed(self, model: str, what: str, anatomy: str) -> str:
        """Errors of a surrogate in an anatomy: ``forward`` or ``gradients``."""
        return self._path("assess/models", model, what, f"{anatomy}.parquet")

    def test_tumours(self, anatomy: str) -> dict[str, str]:
        """Test tumours in an anatomy by name."""
        stem = self.assess(f"targets/{anatomy}/test-00000")
        return {"volumes": f"{stem}.nii", "table": f"{stem}.parquet"}

    def tables_of_assess(self) -> dict[str, str]:
        """Tables about networks by name and format."""
        return self._formats("assess", ("forward", "anatomies", "gradients", "calibration"))

    def tables_of_study(self) -> dict[str, str]:
        """Tables of the study by name and format."""
        return self._formats("study", ("study", "convergence", "comparison"))

    def _formats(self, folder: str, names: tuple[str, ...]) -> dict[str, str]:
        return {f"{name}_{end}": self._path(folder, f"{name}.{end}") for name in names for end in ("csv", "md", "json")}

    def table(self, name: str, suffix: str = "json") -> str:
        """A published table."""
        return self._path("publish/tables", f"{name}.{suffix}")

    def figure(self, name: str, suffix: str = "png") -> str:
        """A published figure."""
        return self._path("publish/figures", f"{name}.{suffix}")

    def page(self, cohort: str, case: str, suffix: str = "html") -> str:
        """Page or picture of a case."""
        return self._path("publish", "patients" if cohort == "patients" else "cases", f"{case}.{suffix}")

    def publish(self, name: str) -> str:
        """File about the whole run."""
        return self._path("publish", name)

    # -------------------------------------------------------------------------------------------------------- tissue

    def tissue_of_atlas(self, kind: Kind) -> dict[str, str]:
        """Tissue of the atlas by name."""
        return {name: self.atlas(f"{name}.nii.gz") for name in _TISSUE[kind]}

    def tissue_of_case(self, cohort: str, case: str, kind: Kind) -> dict[str, str]:
        """Tissue of a case by name."""
        return {name: self.case(cohort, case, f"{name}.nii.gz") for name in _TISSUE[kind]}

    def tissue_of_anatomy(self, anatomy: str) -> dict[str, str]:
        """Tissue fractions of an anatomy by name."""
        return {name: self.anatomy(anatomy, f"{name}.nii.gz") for name in _TISSUE["probabilities"]}

    def coarse_tissue(self, anatomy: str) -> dict[str, str]:
        """Tissue of an anatomy with its label map, by name."""
        return {name: self.anatomy(anatomy, f"{name}.nii.gz") for name in ("wm", "gm", "csf", "labels")}
