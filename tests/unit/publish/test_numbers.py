from __future__ import annotations

import pytest

from gliofit.publish.numbers import format_power, format_quantity, read_quantity, to_latex

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "error", "decimals", "expected"),
    [
        (NAN, NAN, None, "–"),
        (0.0, NAN, None, "0"),
        (0.0, 0.0, None, "0"),
        (0.34, 0.08, None, "0.340 ± 0.080"),
        (5.42, 0.59, None, "5.42 ± 0.59"),
        (24.21, 3.15, None, "24.2 ± 3.1"),
        (138000.0, NAN, None, "138,000"),
        (0.0345, 0.0012, None, "0.0345 ± 0.0012"),
        (0.09999, NAN, None, "0.100"),
        (12.3, 0.004, None, "12.300 ± 0.004"),
        (5.02e-6, 4.1e-7, None, "(5.02 ± 0.41)·10⁻⁶"),
        (5.02e-6, NAN, None, "5.02·10⁻⁶"),
        (3.2e7, NAN, None, "3.20·10⁷"),
        (-0.25, 0.1, None, "−0.250 ± 0.100"),
        (0.9154, 0.01, 3, "0.915 ± 0.010"),
        (0.9154, NAN, 3, "0.915"),
    ],
)
def test_format_quantity(value, error, decimals, expected):
    assert format_quantity(value, error, decimals) == expected


def test_to_latex():
    assert format_power(-3) == "10⁻³"
    assert to_latex("MSE ↓ (×10⁻³)") == r"MSE $\downarrow$ ($\times$$10^{-3}$)"
    assert to_latex("(5.0 ± 0.4)·10⁻⁶") == r"(5.0 $\pm$ 0.4)$\cdot 10^{-6}$"
    assert to_latex("μ_ρ 5 % & a_b") == r"$\mu_\rho$ 5 \% \& a\_b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.340 ± 0.080*", 0.34), ("(3.63 ± 1.43)·10⁻³", 3.63e-3), ("2.31·10⁻⁹", 2.31e-9), ("138,000", 138000.0),
        ("−0.760", -0.76), ("5 of 6", 5.0), ("8.4–13.0", 8.4), ("−134.9, 83.7, 113.9", -134.9), ("–", None), ("", None),
        ("every method failed", None),
    ],
)  # fmt: skip
def test_quantities_are_read_back(text: str, value: float | None) -> None:
    assert read_quantity(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("value", [0.0, 3.14159e-9, 0.0123, 0.5, 12.3, 4567.0, 138000.0, 2.5e7, -0.76])
def test_what_is_printed_is_read_to_three_digits(value: float) -> None:
    for error in (float("nan"), 0.1 * abs(value)):
        assert read_quantity(format_quantity(value, error)) == pytest.approx(value, rel=6e-3, abs=1e-300)
