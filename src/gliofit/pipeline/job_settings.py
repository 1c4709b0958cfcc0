"""Settings that the results of a job depend on, and no others, so that other changes leave finished jobs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from gliofit.pipeline.config import Config
from gliofit.pipeline.plan import Plan

__all__ = ["JobSettings"]

_OF_PATIENTS = {"patient_observation", "imaging"}


class JobSettings:
    """Narrow parts of a configuration as JSON holds them.

    Parameters
    ----------
    config
        The configuration.
    clone
        Folder of the clone, where shipped networks are looked for that are not in the working folder.
    """

    def __init__(self, config: Config, clone: Path) -> None:
        self.config, self.clone = config, clone

    def pilot(self) -> dict[str, Any]:
        """Return the pilot's settings: not how many tumours are simulated afterwards."""
        counts = {"samples_per_shard", "train_shards", "validation_shards", "test_cases", "spacing_mm", "batch_size"}
        return self.config.simulate.model_dump(mode="json", exclude={*counts, "warps"})

    def shard(self, shard: str) -> dict[str, Any]:
        """Return a shard's settings: not how many others there are; which brain it grows in shows in its input."""
        counts = {"train_shards", "validation_shards", "pilot_samples", "pilot_spacing_mm", "warps"}
        if not shard.startswith("test"):
            counts.add("test_cases")
        return self.config.simulate.model_dump(mode="json", exclude=counts)

    def warp(self) -> dict[str, Any]:
        """Return a warped atlas' settings: not how many others there are."""
        return self.config.simulate.warps.model_dump(mode="json", exclude={"count"})

    def phantom(self) -> dict[str, Any]:
        """Return a phantom's settings: not how many there are."""
        return self.config.phantoms.model_dump(mode="json", exclude={"count"})

    def initial_folder(self, model: str) -> str | None:
        """Return the folder of the network that training starts from: in the working folder, or else in the clone."""
        folder = self.config.train.models[model].init
        return None if folder is None else str(folder if folder.is_dir() else self.clone / folder)

    def inputs_of_training(self, model: str, plan: Plan) -> dict[str, list[str]]:
        """Return samples, their tissue, and the network to start from, by name."""
        return plan.inputs_of_training(model, self.initial_folder(model))

    def training(self, model: str) -> dict[str, Any]:
        """Return the settings of the train stage with one network only."""
        settings = self.config.train.model_dump(mode="json")
        entry = settings["models"][model] | {"init": self.initial_folder(model)}
        return settings | {"models": {model: entry}}

    def growing(self, model: str) -> dict[str, Any]:
        """Return how a network's samples are grown, for one that grows them while it trains."""
        return {} if self.config.train.models[model].data == "shards" else self.targets()

    def method(self, method: str, cohort: str) -> dict[str, Any]:
        """Return the settings of one method; on synthetic cases without the imaging model."""
        settings = self._invert([method], without=_OF_PATIENTS if cohort == "synthetic" else set())
        # On which other cohorts it runs makes no difference.
        del settings["methods"][method]["cohorts"]
        return settings

    def study(self) -> dict[str, Any]:
        """Return a study job's settings: not how many others there are."""
        return self.config.study.model_dump(mode="json", exclude={"cases", "cases_per_job", "presets"})

    def study_methods(self) -> dict[str, Any]:
        """Return the settings of the study's methods."""
        return self._invert(self.config.study.methods_in_use)

    def search(self, part: Literal["stability", "sensitivity"]) -> dict[str, Any]:
        """Return the settings of the method whose search a part of the assessment examines."""
        method = getattr(self.config.assess, part).method
        return self._invert([method] if method in self.config.invert.methods else [])

    def _invert(self, methods: list[str], without: set[str] = _OF_PATIENTS) -> dict[str, Any]:
        settings = self.config.invert.model_dump(mode="json", exclude=without)
        return settings | {"methods": {method: settings["methods"][method] for method in methods}}

    def plan(self) -> dict[str, Any]:
        """Return a plan's settings: not the other methods with plans, nor where files lie (they are inputs)."""
        return self.config.plan.model_dump(mode="json", exclude={"methods", "barriers", "recurrence"})

    def targets(self) -> dict[str, Any]:
        """Return what test tumours depend on: not how many others there are, nor what networks are trained on."""
        return self.config.simulate.model_dump(
            mode="json", include={"preset", "spacing_mm", "integrator", "batch_size"}
        )

    def derivatives(self) -> dict[str, Any]:
        """Return the solver that derivatives are compared with: that of the simulations where it has them."""
        integrator = self.config.simulate.integrator
        return integrator.model_dump(mode="json") if integrator.name == "accurate" else {}
