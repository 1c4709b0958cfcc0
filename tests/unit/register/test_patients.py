"""Finding patients by file names and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.register.naming import match_file
from gliofit.register.patients import find_cohort, survey_patients
from gliofit.register.settings import PatientsSettings

ENDINGS_2021 = ("_t1", "_t1ce", "_t2", "_flair", "_seg")
ENDINGS_2023 = ("-t1n", "-t1c", "-t2w", "-t2f", "-seg")


def case(folder: Path, name: str, endings: tuple[str, ...] = ENDINGS_2021, suffix: str = ".nii.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for ending in endings:
        (folder / f"{name}{ending}{suffix}").touch()
    return folder


def find(source: Path, **settings: object) -> list:
    return find_cohort(PatientsSettings(source=source, **settings), seed=1)[0]


def table(folder: Path, *rows: str) -> Path:
    path = folder / "patients.tsv"
    path.write_text("\n".join(row.replace(" ", "\t") for row in rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BraTS2021_00006_t1.nii.gz", ("BraTS 2021", "BraTS2021_00006", "t1")),
        ("BraTS2021_00006_t1ce.nii.gz", ("BraTS 2021", "BraTS2021_00006", "t1c")),
        ("TCGA-DU-7294_flair.nii", ("BraTS 2021", "TCGA-DU-7294", "flair")),
        ("BraTS-GLI-00000-000-t1n.nii.gz", ("BraTS 2023", "BraTS-GLI-00000-000", "t1")),
        ("BraTS-GLI-00000-000-t2f.nii.gz", ("BraTS 2023", "BraTS-GLI-00000-000", "flair")),
        ("BraTS-GLI-00000-000-seg.nii.gz", ("BraTS 2023", "BraTS-GLI-00000-000", "seg")),
        ("._BraTS2021_00006_t1.nii.gz", None),
        ("BraTS2021_00006_t1.nii.gz.part", None),
        ("BraTS2021_00006_t1.png", None),
        ("_t1.nii.gz", None),
        ("case_adc.nii.gz", None),
    ],
)
def test_file_names_give_convention_case_and_role(name: str, expected: tuple[str, str, str] | None) -> None:
    match = match_file(Path("folder") / name)
    assert (None if match is None else (match[0].name, *match[1:])) == expected


def test_stated_scheme_has_priority_over_the_naming(tmp_path: Path) -> None:
    case(tmp_path, "a")
    assert find(tmp_path, labels="brats2015")[0].labels == "brats2015"
    with pytest.raises(InputError, match="'brats2020'"):
        find(tmp_path, labels="brats2020")


def test_tables_of_folders_and_files(tmp_path: Path) -> None:
    case(tmp_path / "data" / "x", "Some Name", ENDINGS_2023)
    for name in ("scan1.nii.gz", "mask.nii.gz", "brain.nii.gz"):
        (tmp_path / name).touch()
    path = table(
        tmp_path,
        "# the patients of this study",
        "case folder t1 seg brain_mask labels",
        "one data/x    ",
        "two  scan1.nii.gz mask.nii.gz brain.nii.gz brats2015",
        "three data/x  mask.nii.gz  gliofit",
    )
    one, three, two = find(path)
    assert (one.case, one.labels, one.t1.name) == ("one", "brats2023", "Some Name-t1n.nii.gz")
    assert (two.labels, two.brain_mask, two.t1c) == ("brats2015", tmp_path / "brain.nii.gz", None)
    assert (three.labels, three.seg, three.flair.name) == ("gliofit", tmp_path / "mask.nii.gz", "Some Name-t2f.nii.gz")


@pytest.mark.parametrize(
    "rows",
    [
        ["case,folder", "a,x"],
        ["case t1 seg labels", "a f.nii.gz  brats2021"],
        ["case folder", "a x", "a x"],
        ["case folder", "a two"],
        ["case folder", "a empty"],
    ],
    ids=["commas", "no segmentation", "case twice", "folder of two cases", "empty folder"],
)
def test_invalid_tables(tmp_path: Path, rows: list[str]) -> None:
    case(tmp_path / "x", "a")
    case(tmp_path / "two", "a")
    case(tmp_path / "two", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "f.nii.gz").touch()
    with pytest.raises(InputError):
        find(table(tmp_path, *rows))


@pytest.mark.shared_data
def test_reference_patients(shared_data: Path) -> None:
    """Patients of BraTS 2015 have file names of BraTS 2021 and other labels, so their scheme must be stated."""
    survey = survey_patients(PatientsSettings(source=shared_data / "patients"))
    schemes = {patient.case: patient.labels for patient in survey.patients}
    assert len(schemes) == 11
    assert schemes.pop("BraTS-GLI-00000-000") == "brats2023"
    assert set(schemes.values()) == {"brats2021"}
    assert {p.case: p.error.code for p in survey.problems} == {
        f"BraTS2015_pat000{number}": "labels-not-implied" for number in (1, 3, 4)
    }


IMPLIED = {
    "brats2021": ["BraTS2021_00006", "BraTS20_Training_001", "BraTS19_CBICA_AAB_1", "TCGA-DU-7294", "BraTS-PED-00001"],
    "brats2023": [*(f"BraTS-{name}-00001-000" for name in ("GLI", "SSA", "MET", "MEN", "GoAT")), "P01"],
}
NOT_IMPLIED = {
    "brats2021": ["BraTS2015_pat0001", "brats_2013_pat0001_1", "BraTS16_CBICA_AAB_1"],
    "brats2023": ["BraTS-PED-00001-000", "brats-ped-00002-000", "BraTS-New-0001-000"],
}


@pytest.mark.parametrize("scheme", IMPLIED)
def test_names_of_other_data_imply_no_scheme(tmp_path: Path, scheme: str) -> None:
    """Older data have file names of BraTS 2021 and other labels, some data sets of BraTS 2023 as well."""
    for name in (*IMPLIED[scheme], *NOT_IMPLIED[scheme]):
        case(tmp_path / name, name, ENDINGS_2021 if scheme == "brats2021" else ENDINGS_2023)
    survey = survey_patients(PatientsSettings(source=tmp_path))
    assert {found.case: found.labels for found in survey.patients} == dict.fromkeys(IMPLIED[scheme], scheme)
    codes = {problem.case: problem.error.code for problem in survey.problems}
    assert codes == dict.fromkeys(NOT_IMPLIED[scheme], "labels-not-implied")
    stated = survey_patients(PatientsSettings(source=tmp_path, labels="brats2015"))
    assert {patient.labels for patient in stated.patients} == {"brats2015"}
    assert len(stated.patients) == len(IMPLIED[scheme] + NOT_IMPLIED[scheme])
