from __future__ import annotations

import pytest

from gliofit.report.numbers import format_power, format_quantity, to_latex

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "error", "form", "expected"),
    [
        (NAN, NAN, "", "–"),
        (0.0, NAN, "", "0"),
        (0.0, 0.0, "", "0"),
        (0.34, 0.08, "", "0.340 ± 0.080"),
        (5.42, 0.59, "", "5.42 ± 0.59"),
        (24.21, 3.15, "", "24.2 ± 3.1"),
        (138000.0, NAN, "", "138,000"),
        (0.0345, 0.0012, "", "0.0345 ± 0.0012"),
        (0.09999, NAN, "", "0.100"),
        (12.3, 0.004, "", "12.300 ± 0.004"),
        (5.02e-6, 4.1e-7, "", "(5.02 ± 0.41)·10⁻⁶"),
        (5.02e-6, NAN, "", "5.02·10⁻⁶"),
        (3.2e7, NAN, "", "3.20·10⁷"),
        (-0.25, 0.1, "", "−0.250 ± 0.100"),
        (0.9154, 0.01, ".3f", "0.915 ± 0.010"),
        (0.9154, NAN, ".3f", "0.915"),
    ],
)
def test_format_quantity(value, error, form, expected):
    assert format_quantity(value, error, form) == expected


def test_to_latex():
    assert format_power(-3) == "10⁻³"
    assert to_latex("MSE ↓ (×10⁻³)") == r"MSE $\downarrow$ ($\times$$10^{-3}$)"
    assert to_latex("(5.0 ± 0.4)·10⁻⁶") == r"(5.0 $\pm$ 0.4)$\cdot 10^{-6}$"
    assert to_latex("μ_ρ 5 % & a_b") == r"$\mu_\rho$ 5 \% \& a\_b"
