"""Bad images: the check finds every kind beside good cases, and the stage that reads the image refuses it too."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.errors import InputError
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import find_cohort, survey_patients
from gliofit.register.run import register_patient
from gliofit.register.settings import PatientsSettings, RegisterSettings

from .conftest import Case, Run, listing, refusal
from .images import IMAGE_KINDS
from .kind import Kind, each_kind


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, add_case: Case) -> Path:
    """A table of a case of every kind, with a good one before and one after them."""
    root = tmp_path_factory.mktemp("cohort")
    rows = ["case\tfolder\tbrain_mask"]
    for name, spoil in [("a-good", None), *((kind.slug, kind.make) for kind in IMAGE_KINDS), ("z-good", None)]:
        folder = add_case(root, name)
        if spoil is not None:
            spoil(folder, name)
        mask = folder / f"{name}_mask.nii.gz"
        rows.append(f"{name}\t{name}\t{mask if mask.exists() else ''}")
    (root / "patients.tsv").write_text("\n".join(rows) + "\n")
    return root / "patients.tsv"


@pytest.fixture(scope="module")
def checked(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, str]]]:
    """What ``gliofit check --out`` says of every case of the cohort: the table, and its rows by case."""
    out = tmp_path_factory.mktemp("checked") / "cohort.tsv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "set_threads", lambda threads: 1)
        with pytest.raises(SystemExit) as stop:
            cli.main(["check", "--patients", str(cohort), "--out", str(out), "--cores", "1"])
    assert stop.value.code == 0
    with out.open(newline="") as file:
        return out, {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}


@each_kind(IMAGE_KINDS)
def test_the_check_finds_it(kind: Kind, checked: tuple[Path, dict[str, dict[str, str]]]) -> None:
    row = checked[1][kind.slug]
    assert row["status"] == "refused", "the check sees nothing wrong"
    assert kind.is_said_by(row["message"]), row["message"]
    assert f"{kind.slug}_" in row["message"].partition(": ")[0], "the message names the file"


def test_good_cases_of_the_cohort_are_admitted(checked: tuple[Path, dict[str, dict[str, str]]]) -> None:
    patients, left_out = find_cohort(PatientsSettings(source=checked[0]), seed=1)
    assert [found.case for found in patients] == ["a-good", "z-good"]
    assert set(left_out) == {kind.slug for kind in IMAGE_KINDS}


@pytest.fixture(scope="module")
def patients(cohort: Path) -> dict[str, PatientFiles]:
    return {found.case: found for found in survey_patients(PatientsSettings(source=cohort)).patients}


@each_kind(IMAGE_KINDS)
def test_the_stage_refuses_it(kind: Kind, patients: dict[str, PatientFiles], atlas_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        register_patient(patients[kind.slug], atlas_dir, tmp_path / "out", RegisterSettings(), seed=1, threads=1)
    assert kind.is_told_by(caught.value), caught.value
    assert listing(tmp_path) == {}


_SAID = ("truncated gzip", "colours (RGB)", "brain back to front", "empty segmentation")


@each_kind([kind for kind in IMAGE_KINDS if kind.name in _SAID])
def test_the_command_says_it_in_one_line(
    kind: Kind, patients: dict[str, PatientFiles], atlas_source: Path, tmp_path: Path, run: Run
) -> None:
    files = patients[kind.slug]
    arguments = ("--t1", files.t1, "--seg", files.seg, "--labels", "brats2021", "--atlas", atlas_source)
    said = refusal(run("register", *arguments, "--out", tmp_path / "out"))
    assert kind.is_said_by(said), said
    assert listing(tmp_path) == {}
