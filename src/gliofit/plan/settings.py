"""Settings of the plan stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings


class PlanSettings(Settings):
    """Target volumes of patients: by a margin, and by the forward simulation of each method at equal volume."""

    methods: tuple[MethodName, ...] = Field(
        (), description="Methods to plan with, entries of `invert.methods`; empty: no plans. Research use only."
    )
    margins_mm: tuple[Annotated[float, Field(ge=0, le=100)], ...] = Field(
        (15.0,),
        min_length=1,
        description="Margins of the clinical target in mm, with one plan each; the picture shows the first.",
    )
    region: Literal["core", "whole"] = Field(
        "core", description="Region inside the margin: the tumour core or the whole tumour."
    )
    keep_tumour: bool = Field(True, description="Whether the personalised target always contains this region.")
    bridge_mm: float = Field(
        3.0,
        ge=0,
        description="Largest distance in mm over which voxels without cells (CSF) take the concentration of the "
        "nearest voxel with cells, so that the personalised target has no holes along sulci; 0: no filling.",
    )
    barriers: str | None = Field(
        None,
        description="Path, with `{case}`, of a mask of falx, tentorium and ventricles on the patient's grid; patients "
        "without this file have no barriers.",
    )
    recurrence: str | None = Field(
        None,
        description="Path, with `{case}`, of the follow-up segmentation, registered to the patient's grid; patients "
        "without this file have no coverage.",
    )
    recurrence_labels: str | None = Field(
        None, description="Label scheme of `plan.recurrence`, if it differs from that of the patient's segmentation."
    )

    @model_validator(mode="after")
    def _paths_name_the_case(self) -> PlanSettings:
        for name in ("barriers", "recurrence"):
            path = getattr(self, name)
            if path is not None and "{case}" not in path:
                raise ValueError(f"{name} must contain {{case}}, because every patient needs a different file")
        if len(set(self.margin_names)) < len(self.margins_mm):
            raise ValueError("margins_mm has a margin twice")
        return self

    def file_of(self, kind: Literal["barriers", "recurrence"], case: str) -> str | None:
        """Return the path of a patient's file, which may be missing."""
        path: str | None = getattr(self, kind)
        return None if path is None else path.replace("{case}", case)

    @property
    def margin_names(self) -> list[str]:
        """Margins in file names, for example ``15mm``."""
        return [f"{margin:g}mm" for margin in self.margins_mm]
