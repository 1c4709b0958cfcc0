"""The growth model ``fisher-kolmogorov-grey``: as the paper's, with the diffusivity of grey matter as a parameter."""

from __future__ import annotations

from dataclasses import replace

from gliofit.growth.fisher_kolmogorov import SPACE as PAPER_SPACE
from gliofit.growth.fisher_kolmogorov import FisherKolmogorov
from gliofit.growth.model import DIFFUSIVITY_RATIO, Growth
from gliofit.growth.space import Parameter, ParameterSpace, Steps
from gliofit.growth.theta import Theta

__all__ = ["SPACE", "FisherKolmogorovGrey"]

#: Diffusivity in grey over that in white matter. Published ratios lie between 2 and 100 (Swanson et al., Cell
#: Proliferation 33, 2000, has 5; Harpold et al., J. Neuropathol. Exp. Neurol. 66, 2007, up to 100).
GREY_SHARE = Parameter(
    name="grey_share", symbol="D_GM / D_WM", text="D_GM/D_WM", latex=r"D_\mathrm{GM} / D_\mathrm{WM}", unit="",
    column="grey_share", title="Grey share", meaning="diffusivity in grey over that in white matter",
    bounds=(0.01, 1.0), steps=Steps(0.5, 0.1, 0.1, (0.01, 0.2), 0.7), log=True, typical=1 / DIFFUSIVITY_RATIO,
    decimals=3,
)  # fmt: skip

SPACE = ParameterSpace("fisher-kolmogorov-grey", (*PAPER_SPACE.parameters, GREY_SHARE), PAPER_SPACE.derived)


class FisherKolmogorovGrey(FisherKolmogorov):
    """Growth with any diffusivity of grey matter up to that of white matter."""

    space = SPACE

    def growth(self, theta: Theta) -> Growth:
        """Coefficients of the growth equation."""
        return replace(super().growth(theta), grey_share=theta.grey_share)
