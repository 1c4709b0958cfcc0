"""Settings of stage forward."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.settings import Settings
from gliofit.solver.settings import AccurateSettings, IntegratorSettings


class ForwardSettings(Settings):
    """Forward simulation of an estimate on the case's grid; its concentration is evaluated."""

    integrator: IntegratorSettings = Field(default_factory=AccurateSettings, description="The forward solver.")
