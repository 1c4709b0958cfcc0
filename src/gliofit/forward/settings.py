"""Settings of stage forward."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.settings import Settings
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

__all__ = ["ForwardSettings"]


class ForwardSettings(Settings):
    """The final forward run on the case's own grid; it is what gets scored."""

    integrator: IntegratorSettings = Field(default_factory=AccurateSettings, description="The forward solver.")
