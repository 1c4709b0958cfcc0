"""Settings on which the results of a job depend, so that other changes do not repeat finished jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from gliofit.pipeline.config import Config

_OF_PATIENTS = {"patient_observation", "imaging"}


class JobSettings:
    """Selected parts of a configuration for JSON; ``clone`` is the folder of the clone with shipped networks."""

    def __init__(self, config: Config, clone: Path) -> None:
        self.config, self.clone = config, clone

    def pilot(self) -> dict[str, Any]:
        """Return the pilot's settings, without numbers of samples."""
        counts = {"samples_per_shard", "train_shards", "validation_shards", "test_cases", "spacing_mm", "batch_size"}
        return self.config.simulate.model_dump(mode="json", exclude={*counts, "warps"})

    def shard(self, shard: str) -> dict[str, Any]:
        """Return a shard's settings, without numbers of shards; the anatomy is an input."""
        counts = {"train_shards", "validation_shards", "pilot_samples", "pilot_spacing_mm", "warps"}
        if not shard.startswith("test"):
            counts.add("test_cases")
        return self.config.simulate.model_dump(mode="json", exclude=counts)

    def warp(self) -> dict[str, Any]:
        """Return a warped atlas' settings, without their number."""
        return self.config.simulate.warps.model_dump(mode="json", exclude={"count"})

    def phantom(self) -> dict[str, Any]:
        """Return a phantom's settings, without their number."""
        return self.config.phantoms.model_dump(mode="json", exclude={"count"})

    def initial_folder(self, model: str) -> str | None:
        """Return the folder of the initial network, in the working directory or in the clone."""
        folder = self.config.train.models[model].init
        return None if folder is None else str(folder if folder.is_dir() else self.clone / folder)

    def training(self, model: str) -> dict[str, Any]:
        """Return the settings of the train stage with one network."""
        settings = self.config.train.model_dump(mode="json")
        return settings | {"models": {model: settings["models"][model] | {"init": self.initial_folder(model)}}}

    def growing(self, model: str) -> dict[str, Any]:
        """Return the settings of samples generated during training."""
        return {} if self.config.train.models[model].data == "shards" else self.targets()

    def method(self, method: str, cohort: str) -> dict[str, Any]:
        """Return the settings of a method; on synthetic cases without the imaging model."""
        settings = self._invert([method], without=_OF_PATIENTS if cohort == "synthetic" else set())
        # Other cohorts have no effect.
        del settings["methods"][method]["cohorts"]
        return settings

    def study(self) -> dict[str, Any]:
        """Return a study job's settings, without the number of tumours."""
        return self.config.study.model_dump(mode="json", exclude={"cases", "cases_per_job", "presets"})

    def study_methods(self) -> dict[str, Any]:
        """Return the settings of the study's methods."""
        return self._invert(self.config.study.methods_in_use)

    def search(self, part: Literal["stability", "sensitivity"]) -> dict[str, Any]:
        """Return the settings of the method that a part of the assessment analyses."""
        method = getattr(self.config.assess, part).method
        return self._invert([method] if method in self.config.invert.methods else [])

    def _invert(self, methods: list[str], without: set[str] = _OF_PATIENTS) -> dict[str, Any]:
        settings = self.config.invert.model_dump(mode="json", exclude=without)
        return settings | {"methods": {method: settings["methods"][method] for method in methods}}

    def plan(self) -> dict[str, Any]:
        """Return a plan's settings, without other methods and paths (which are inputs)."""
        return self.config.plan.model_dump(mode="json", exclude={"methods", "barriers", "recurrence"})

    def targets(self) -> dict[str, Any]:
        """Return the settings of test tumours, without numbers of samples."""
        included = {"preset", "spacing_mm", "integrator", "batch_size"}
        return self.config.simulate.model_dump(mode="json", include=included)

    def derivatives(self) -> dict[str, Any]:
        """Return the solver for derivatives: that of the simulations if it has derivatives."""
        integrator = self.config.simulate.integrator
        return integrator.model_dump(mode="json") if integrator.name == "accurate" else {}
