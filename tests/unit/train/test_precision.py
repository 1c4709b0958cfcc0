"""Choice of the arithmetic of training."""

from __future__ import annotations

import pytest
import torch

from gliofit.train import precision


@pytest.mark.parametrize(("seconds", "fast"), [((1.0, 0.4), True), ((1.0, 0.6), False), ((1.0, 3.0), False)])
def test_bfloat16_is_chosen_where_it_is_twice_as_fast(
    seconds: tuple[float, float], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))
    monkeypatch.setattr(precision, "_seconds", times.__getitem__)
    assert precision.choose_precision(torch.device("cpu")) == ("bfloat16" if fast else "float32")


def test_times_are_measured() -> None:
    assert 0 < precision._seconds(torch.float32) < 10
