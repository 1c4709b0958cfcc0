"""Parameters that growth models share, and the space of the paper's five."""

from __future__ import annotations

from gliofit.growth.space import Derived, Parameter, ParameterSpace, Steps
from gliofit.paper import EXTENT_MM, MEAN_THETA

_ORIGIN_STEPS = Steps(longest=8.0, unit=1.0, same=2.0, difference=(0.1, 2.0), vague=10.0)


def _origin(axis: int, number: int) -> Parameter:
    letter, side = "xyz"[axis], ("towards the patient's right", "to the front", "upwards")[axis]
    infix, extent_mm = "" if number == 1 else f"{number}_", EXTENT_MM[axis]
    return Parameter(
        name=f"origin_{infix}{letter}", symbol=f"origin {infix.replace('_', ' ')}{letter}",
        text=letter if number == 1 else f"{letter}{number}", latex=f"{letter}_{number - 1}", unit="mm",
        column=f"origin_{infix}{letter}_mm", title="origin" if number == 1 else f"origin {number}",
        meaning=f"where growth began, in world coordinates of the image: {letter} {side}",
        bounds=(-0.2 * extent_mm, 0.2 * extent_mm), steps=_ORIGIN_STEPS, axis=axis, paper_scale=extent_mm,
    )  # fmt: skip


def origin(number: int = 1) -> tuple[Parameter, ...]:
    """Return the position of an origin. Reach and scale are 20 % and 100 % of the size of the paper's volume."""
    return tuple(_origin(axis, number) for axis in range(3))


def start(number: int) -> Parameter:
    """Return the time at which growth from a further origin begins."""
    return Parameter(
        name=f"start_{number}", symbol=f"start {number}", text=f"t{number}/T", latex=f"t_{number - 1} / T", unit="",
        column=f"start_{number}", title=f"start {number}",
        meaning=f"when growth from origin {number} began, as a fraction of the age of the tumour",
        bounds=(0.02, 0.98), steps=Steps(0.15, 0.05, 0.05, (0.005, 0.05), 0.3), typical=0.5, time_exponent=-1.0,
        decimals=3,
    )  # fmt: skip


DIFFUSION = Parameter(
    name="mu_d", symbol="mu_D", text="μ_D", latex=r"\mu_D", unit="mm", column="mu_d_mm", title="Diffusion",
    meaning="sqrt(D T): the distance over which cells spread in white matter during the age T of the tumour",
    bounds=(0.1, 40.0), steps=Steps(0.5, 0.1, 0.05, (0.005, 0.1), 0.5), log=True,
    typical=MEAN_THETA["mu_d_mm"], time_exponent=0.5,
)  # fmt: skip

PROLIFERATION = Parameter(
    name="mu_rho", symbol="mu_rho", text="μ_ρ", latex=r"\mu_\rho", unit="", column="mu_rho", title="Growth",
    meaning="sqrt(ρ T): its square says how many times cells multiplied e-fold during the age T of the tumour",
    bounds=(0.1, 15.0), steps=Steps(0.25, 0.1, 0.03, (0.002, 0.05), 0.5), log=True,
    typical=MEAN_THETA["mu_rho"], time_exponent=0.5, decimals=3,
)  # fmt: skip

#: Over this length the leading edge of a front that moves at the speed 2 sqrt(D rho) falls by a factor of e.
FRONT_WIDTH = Derived(
    name="front_width", symbol="mu_D / mu_rho", text="μ_D/μ_ρ", latex=r"\mu_D / \mu_\rho", unit="mm",
    column="front_width_mm", title="front width", powers=((DIFFUSION.column, 1), (PROLIFERATION.column, -1)),
    meaning="sqrt(D/ρ): the length over which the concentration falls by a factor of e ahead of the border; a wide "
    "front has many cells beyond what MRI shows",
)  # fmt: skip

#: The five parameters of the paper.
PAPER_SPACE = ParameterSpace("fisher-kolmogorov", (*origin(), DIFFUSION, PROLIFERATION), (FRONT_WIDTH,))
