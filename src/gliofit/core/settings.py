"""Base class of all settings: frozen, and unknown keys are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings that refuse unknown keys, NaN and infinity.

    Every field has a description, which becomes its documentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    def in_use(self) -> bool:
        """Whether the run uses the section, so that what it refers to must exist."""
        return True
