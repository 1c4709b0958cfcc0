"""Numbers of the paper's tables 1, 2 and 3, in the units of our own metrics.

Weidner et al., "Brain Tumor Growth Inversion via Differentiable Neural Surrogates", MIDL 2026. Every figure is written
as printed and multiplied by the power of ten of its column; what a table says about its own units and cannot be meant
is told in the table's notes, not silently changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["PAPER_TABLES", "TABLE1", "TABLE2", "TABLE3", "PaperRow", "PaperValue"]

NAN = float("nan")


@dataclass(frozen=True)
class PaperValue:
    """One cell: mean with its printed error, median, and whether it carries the star of the paired t-test."""

    mean: float
    standard_error: float = NAN
    median: float = NAN
    starred: bool = False


@dataclass(frozen=True)
class PaperRow:
    """One method of a table."""

    label: str
    n: int
    values: Mapping[str, PaperValue]


#: Cases behind the rows: the solver's CMA-ES ran on a subset of the test set.
_SYNTHETIC, _SUBSET, _PATIENTS = 500, 25, 75

_TABLE1_COLUMNS = (
    ("mu_rho_relative_error_squared", 1e-3),
    ("mu_rho_relative_error", 1e-3),
    ("mu_d_relative_error_squared", 1e-3),
    ("mu_d_relative_error", 1e-3),
    ("origin_error_fraction_squared", 1e-3),
    ("origin_error_fraction", 1e-3),
)

_FIELD_COLUMNS = (
    ("mse_volume", 1e-3),
    ("mae_volume", 1e-3),
    ("mse_volume_normalised", 1e-8),
    ("mae_volume_normalised", 1e-8),
    ("ncc_volume", 1e-1),
)


def _row1(label: str, n: int, means: str, medians: str) -> PaperRow:
    """A row of table 1: ``mean error`` pairs and medians in column order, as printed."""
    printed = [float(x) for x in means.split()]
    middle = [float(x) for x in medians.split()]
    values = {
        name: PaperValue(printed[2 * i] * scale, printed[2 * i + 1] * scale, middle[i] * scale)
        for i, (name, scale) in enumerate(_TABLE1_COLUMNS)
    }
    return PaperRow(label, n, MappingProxyType(values))


def _row(label: str, n: int, fields: str, minutes: float, dice: str = "") -> PaperRow:
    """A row of table 2 or 3: ``mean error`` pairs in column order with the paper's stars, then the runtime."""
    columns = _FIELD_COLUMNS + ((("dice_whole_033", 1e-2),) if dice else ())
    printed = f"{fields} {dice}".split()
    values = {}
    for i, (name, scale) in enumerate(columns):
        error = printed[2 * i + 1]
        star = error.endswith("*")
        values[name] = PaperValue(float(printed[2 * i]) * scale, float(error.rstrip("*")) * scale, starred=star)
    values["wall_seconds"] = PaperValue(60.0 * minutes)
    return PaperRow(label, n, MappingProxyType(values))


TABLE1: Mapping[str, PaperRow] = MappingProxyType(
    {
        "cmaes-solver": _row1(
            "CMA-ES Classical Solver",
            _SUBSET,
            "68.3 30.2  177.7 38.3  122.8 36.4  272.2 44.1  17.7 10.0  111.8 41.7",
            "12.2 110.2 72.4 269.2 14.3 119.6",
        ),
        "cmaes-surrogate": _row1(
            "CMA-ES Neural Surrogate",
            _SYNTHETIC,
            "16.5 3.5  62.8 5.0  53.6 12.1  112.3 9.1  9.6 10.5  72.2 38.4",
            "0.8 27.5 1.6 40.5 2.4 49.4",
        ),
        "direct": _row1(
            "Direct Inverse Prediction",
            _SYNTHETIC,
            "32.8 4.2  124.1 5.9  295.4 282.7  93.9 23.9  6.8 4.3  72.6 22.5",
            "8.3 90.8 2.4 48.8 4.2 65.1",
        ),
        "gradient-surrogate": _row1(
            "GB Neural Surrogate",
            _SYNTHETIC,
            "11.7 3.2  52.1 4.2  279.4 273.0  70.8 23.4  8.1 8.7  66.9 34.9",
            "0.7 27.0 1.2 34.9 2.1 45.5",
        ),
    }
)

TABLE2: Mapping[str, PaperRow] = MappingProxyType(
    {
        "cmaes-solver": _row(
            "CMA-ES classical solver", _SUBSET, "0.34 0.08  1.55 0.24  0.77 0.22  4.00 0.70  8.95 0.37", 2300
        ),
        "cmaes-surrogate": _row(
            "CMA-ES Neural Surrogate", _SYNTHETIC, "5.42 0.59*  8.10 0.65*  4.59 0.43*  8.07 0.47*  7.81 0.13*", 2.5
        ),
        "direct": _row(
            "Direct Inverse Prediction", _SYNTHETIC, "4.81 0.20*  8.87 0.32*  5.02 0.23*  10.08 0.40*  8.47 0.04*", 0.1
        ),
        "gradient-surrogate": _row(
            "GB Neural Surrogate", _SYNTHETIC, "5.91 0.65*  8.53 0.73*  4.88 0.48*  7.99 0.53*  8.19 0.11*", 0.7
        ),
        "hybrid": _row(
            "(Ours) Inverse Prediction and GB Optimization",
            _SYNTHETIC,
            "1.35 0.19  3.29 0.29  1.36 0.15  4.05 0.25  9.15 0.10",
            0.8,
        ),
    }
)

TABLE3: Mapping[str, PaperRow] = MappingProxyType(
    {
        "lmi": _row("LMI", _PATIENTS, "5.16 0.98*  12.98 1.53*  8.90 1.69*  24.21 3.15*  7.41 0.21*", 5, "42 2"),
        "gliodil": _row("GliODIL", _PATIENTS, "1.76 0.24  4.82 0.46*  2.18 0.19  6.75 0.40  8.53 0.16*", 50, "61 2"),
        "direct": _row(
            "Direct Inverse Prediction",
            _PATIENTS,
            "2.83 0.38*  7.14 0.79*  3.60 0.32*  9.38 0.56*  8.93 0.12*",
            0.1,
            "57 1",
        ),
        "gradient-surrogate": _row(
            "GB Neural Surrogate",
            _PATIENTS,
            "5.76 0.69*  11.13 1.12*  8.01 0.59*  16.21 0.94*  4.81 0.41*",
            0.7,
            "30 3",
        ),
        "gradient-surrogate-com": _row(
            "GB Neural Surrogate COM",
            _PATIENTS,
            "4.83 1.13*  10.32 1.68*  4.24 0.65*  11.29 0.93*  9.16 0.09*",
            0.7,
            "55 1",
        ),
        "hybrid": _row(
            "(Ours) Inverse Prediction and GB Optimization",
            _PATIENTS,
            "2.47 0.36  6.51 0.75  3.14 0.28  8.62 0.50  8.83 0.14",
            0.8,
            "34 2",
        ),
        "hybrid-com": _row(
            "(Ours) Inverse Prediction and GB Optimization COM",
            _PATIENTS,
            "2.10 0.36  6.24 0.75  2.21 0.24  7.76 0.48  9.42 0.05",
            0.8,
            "59 1",
        ),
    }
)

PAPER_TABLES: Mapping[str, Mapping[str, PaperRow]] = MappingProxyType(
    {"table1": TABLE1, "table2": TABLE2, "table3": TABLE3}
)
