"""Settings of stage forward."""

from __future__ import annotations

from pydantic import Field

from gliofit.settings import Settings
from gliofit.solver.settings import ReferenceSettings

__all__ = ["ForwardSettings"]


class ForwardSettings(Settings):
    """The final forward run on the case's own grid; it is what gets scored."""

    integrator: ReferenceSettings = Field(default_factory=ReferenceSettings, description="The forward solver.")
