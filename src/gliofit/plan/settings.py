"""Settings of stage plan."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings

__all__ = ["PlanSettings"]


class PlanSettings(Settings):
    """Target volumes of patients: by a margin, and by the final run of each method at equal volume."""

    methods: tuple[MethodName, ...] = Field(
        (), description="Methods to plan with, entries of `invert.methods`; none: no plans. Research use only."
    )
    margins_mm: tuple[Annotated[float, Field(ge=0, le=100)], ...] = Field(
        (15.0,), min_length=1, description="Margins of the clinical target, each with a plan of its own; the first one "
        "is drawn.",
    )  # fmt: skip
    region: Literal["core", "whole"] = Field(
        "core", description="What the margin is drawn around: the tumour core or the whole tumour."
    )
    keep_tumour: bool = Field(True, description="The personalised target always contains what the margin is around.")
    bridge_mm: float = Field(
        3.0,
        ge=0,
        description="Voxels without cells (CSF) take the concentration of the nearest one with cells up to this "
        "distance, in mm, so that the personalised target has no holes along sulci; 0: none do.",
    )
    barriers: str | None = Field(
        None,
        description="Path of a mask of falx, tentorium and ventricles on the patient's grid, with `{case}` in it; "
        "patients without this file have no barriers.",
    )
    recurrence: str | None = Field(
        None,
        description="Path of the follow-up segmentation, registered to the patient's grid, with `{case}` in it; "
        "patients without this file have no coverage.",
    )
    recurrence_labels: str | None = Field(
        None, description="Label scheme of `plan.recurrence`, where it is not that of the patient's segmentation."
    )

    @model_validator(mode="after")
    def _paths_name_the_case(self) -> PlanSettings:
        for name in ("barriers", "recurrence"):
            path = getattr(self, name)
            if path is not None and "{case}" not in path:
                raise ValueError(f"{name} must have {{case}} in it, or all patients would have the same file")
        if len(set(self.margin_names)) < len(self.margins_mm):
            raise ValueError("margins_mm names a margin twice")
        return self

    def file_of(self, kind: Literal["barriers", "recurrence"], case: str) -> str | None:
        """Path of a patient's file, whether or not it is there."""
        path: str | None = getattr(self, kind)
        return None if path is None else path.replace("{case}", case)

    @property
    def margin_names(self) -> list[str]:
        """Margins as they are written in file names, for example ``15mm``."""
        return [f"{margin:g}mm" for margin in self.margins_mm]
