"""A run of a few stages that nobody disturbs, which others are compared with."""

from __future__ import annotations

import pytest

from tools.reliability.launch import Workplace

#: Registration, simulation and training: the stages that have most to lose.
SHORT = ("results/smoke/register/patients/phantom-00000/qc.parquet", "results/smoke/train/guided-unet/model.json")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """The short run, undisturbed, on two cores."""
    place = Workplace(tmp_path_factory.mktemp("undisturbed"), targets=SHORT)
    code, said = place.run()
    assert code == 0, said[-5000:]
    return place
