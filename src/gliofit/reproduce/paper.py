"""What the paper says beside its tables 1 to 3, which are in ``gliofit.publish.paper_values``.

Weidner et al., "Brain Tumor Growth Inversion via Differentiable Neural Surrogates", MIDL 2026.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["PAPER_COUNTS", "PAPER_FORWARD_ERRORS"]

#: Cases behind its tables 1 and 2 (of which 25 by CMA-ES on the solver), 3 and 4.
PAPER_COUNTS = MappingProxyType({"synthetic": 500, "patients": 75, "stability": 190})

#: Standard errors of MSE, MAE and NCC in table 5, beside ``gliofit.assess.tables.PAPER_FORWARD``.
PAPER_FORWARD_ERRORS = MappingProxyType(
    {
        "unet": (0.12e-3, 0.03e-2, 0.0059),
        "unet-plus-plus": (0.17e-3, 0.04e-2, 0.0081),
        "vnet": (0.10e-3, 0.03e-2, 0.0059),
        "convnext-unet": (0.13e-3, 0.03e-2, 0.0048),
    }
)
