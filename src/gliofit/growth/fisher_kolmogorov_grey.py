"""The growth model ``fisher-kolmogorov-grey``: the paper's model with grey-matter diffusivity as a parameter."""

from __future__ import annotations

from dataclasses import replace

from gliofit.growth.fisher_kolmogorov import FisherKolmogorov
from gliofit.growth.model import DIFFUSIVITY_RATIO, Growth
from gliofit.growth.parameters import PAPER_SPACE
from gliofit.growth.space import Parameter, ParameterSpace, Steps
from gliofit.growth.theta import Theta

#: Ratio of grey to white matter diffusivity. Published white-to-grey ratios lie between 2 and 100 (5 in Swanson et al.,
#: Cell Proliferation 33, 2000; up to 100 in Harpold et al., J. Neuropathol. Exp. Neurol. 66, 2007).
GREY_SHARE = Parameter(
    name="grey_share", symbol="D_GM / D_WM", text="D_GM/D_WM", latex=r"D_\mathrm{GM} / D_\mathrm{WM}", unit="",
    column="grey_share", title="Grey share", meaning="diffusivity in grey over that in white matter",
    bounds=(0.01, 1.0), steps=Steps(0.5, 0.1, 0.1, (0.01, 0.2), 0.7), log=True, typical=1 / DIFFUSIVITY_RATIO,
    decimals=3,
)  # fmt: skip

SPACE = ParameterSpace("fisher-kolmogorov-grey", (*PAPER_SPACE.parameters, GREY_SHARE), PAPER_SPACE.derived)


class FisherKolmogorovGrey(FisherKolmogorov):
    """Growth with a grey-matter diffusivity between 1 % and 100 % of the white-matter diffusivity."""

    space = SPACE
    simpler = "fisher-kolmogorov"

    def growth(self, theta: Theta) -> Growth:
        """Coefficients of the growth equation."""
        return replace(super().growth(theta), grey_share=theta.grey_share)
