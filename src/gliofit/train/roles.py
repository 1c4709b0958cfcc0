"""Roles of networks."""

from __future__ import annotations

from gliofit.core.references import Trait


class NetworkRole(Trait):
    """What a network is for. The values are keys of methods' settings and of rules' inputs."""

    SURROGATE = "surrogate"
    DIRECT = "direct"
    LMI = "lmi"

    @property
    def phrase(self) -> str:
        """See ``Trait``."""
        return {
            "surrogate": "is a surrogate (theta to concentration)",
            "direct": "is a direct inverse network (concentration to theta)",
            "lmi": "reads segmentations in the atlas",
        }[self.value]
