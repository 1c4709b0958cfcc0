"""Finding patients by file names and tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from gliofit.core.errors import InputError
from gliofit.register.cohort import find_cohort
from gliofit.register.naming import CONVENTIONS, check_case_name, match_file
from gliofit.register.patients import phantom_cases, phantom_files, survey_patients
from gliofit.register.settings import PatientsSettings, PhantomSettings, RegisterSettings

ENDINGS_2021 = ("_t1", "_t1ce", "_t2", "_flair", "_seg")
ENDINGS_2023 = ("-t1n", "-t1c", "-t2w", "-t2f", "-seg")


def case(folder: Path, name: str, endings: tuple[str, ...] = ENDINGS_2021, suffix: str = ".nii.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for ending in endings:
        (folder / f"{name}{ending}{suffix}").touch()
    return folder


def find(source: Path, **settings: object) -> list:
    return find_cohort(PatientsSettings(source=source, **settings), seed=1)[0]


def table(folder: Path, *rows: str, name: str = "patients.tsv", tab: str = "\t") -> Path:
    path = folder / name
    path.write_text("\n".join(row.replace(" ", tab) for row in rows) + "\n")
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
def test_names_tell_convention_case_and_role(name: str, expected: tuple[str, str, str] | None) -> None:
    match = match_file(Path("folder") / name)
    assert (None if match is None else (match[0].name, *match[1:])) == expected


def test_both_conventions_imply_their_scheme(tmp_path: Path) -> None:
    case(tmp_path / "b", "BraTS2021_00006")
    case(tmp_path / "deep" / "a", "BraTS-GLI-00000-000", ENDINGS_2023)
    found = find(tmp_path)
    assert [(p.case, p.labels) for p in found] == [
        ("BraTS-GLI-00000-000", "brats2023"),
        ("BraTS2021_00006", "brats2021"),
    ]
    assert found[1].t1.name == "BraTS2021_00006_t1.nii.gz"
    assert list(found[1].images) == ["t1", "t1c", "t2", "flair", "seg"]
    assert all(path.is_file() for path in found[0].paths)


def test_a_stated_scheme_wins_over_the_naming(tmp_path: Path) -> None:
    case(tmp_path, "a")
    assert find(tmp_path, labels="brats2015")[0].labels == "brats2015"
    with pytest.raises(InputError, match="unknown label scheme 'brats2020'; name one of brats2021"):
        find(tmp_path, labels="brats2020")


def test_only_t1_and_segmentation_are_needed(tmp_path: Path) -> None:
    case(tmp_path, "a", ("_t1", "_seg"), ".nii")
    assert find(tmp_path)[0].images.keys() == {"t1", "seg"}


def test_nothing_is_found_where_there_are_no_patients(tmp_path: Path) -> None:
    assert find_cohort(PatientsSettings(), seed=1) == ([], {})
    with pytest.raises(InputError, match="no images in BraTS naming; name files CASE_t1"):
        find(tmp_path)
    with pytest.raises(InputError, match="not found"):
        find(tmp_path / "none")


@pytest.mark.parametrize(("missing", "message"), [("_t1", "native T1 image"), ("_seg", "segmentation")])
def test_missing_files_are_named_with_their_path(tmp_path: Path, missing: str, message: str) -> None:
    case(tmp_path, "good")
    case(tmp_path, "bad", tuple(e for e in ENDINGS_2021 if e not in (missing, "_t1ce")))
    with pytest.raises(InputError, match=message) as caught:
        find(tmp_path)
    assert caught.value.subject == str(tmp_path / f"bad{missing}.nii.gz")
    assert "exclude: [bad]" in caught.value.hint
    assert [p.case for p in find(tmp_path, exclude=("bad",))] == ["good"]
    assert [p.case for p in find(tmp_path, include=("good",))] == ["good"]


def test_all_problems_can_be_listed_at_once(tmp_path: Path) -> None:
    case(tmp_path, "good")
    case(tmp_path, "a", ("_t1",))
    case(tmp_path, "b", ("_seg", "_t2"))
    survey = survey_patients(PatientsSettings(source=tmp_path))
    assert [p.case for p in survey.patients] == ["good"]
    assert [p.case for p in survey.problems] == ["a", "b"]


def test_a_case_may_not_be_there_twice(tmp_path: Path) -> None:
    case(tmp_path / "one", "a")
    case(tmp_path / "two", "a")
    with pytest.raises(InputError, match="case a is there twice"):
        find(tmp_path)


def test_a_file_may_not_be_there_in_two_forms(tmp_path: Path) -> None:
    case(tmp_path, "a")
    (tmp_path / "a_seg.nii").touch()
    with pytest.raises(InputError, match=r"twice \(a_seg\.nii and a_seg\.nii\.gz\); keep one"):
        find(tmp_path)


def test_include_and_exclude_must_name_cases(tmp_path: Path) -> None:
    case(tmp_path, "a")
    with pytest.raises(InputError, match=r"patients\.exclude: names cases that are not in"):
        find(tmp_path, exclude=("b",))
    with pytest.raises(InputError, match="no patient is left"):
        find(tmp_path, exclude=("a",))


@pytest.mark.parametrize("name", ["case 1", "case.1", "..", "kéy", "-a", "a/b", ""])
def test_case_names_must_fit_a_path(name: str) -> None:
    with pytest.raises(InputError, match="letters, digits, hyphen and underscore"):
        check_case_name(name, "table")


def test_bad_case_names_are_refused_not_changed(tmp_path: Path) -> None:
    case(tmp_path, "case 1")
    with pytest.raises(InputError, match="for example 'case-1'"):
        find(tmp_path)


def test_tables_name_folders_or_files(tmp_path: Path) -> None:
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
    assert (three.labels, three.seg, three.flair.name) == (
        "gliofit",
        tmp_path / "mask.nii.gz",
        "Some Name-t2f.nii.gz",
    )


def test_tables_may_be_comma_separated_with_a_byte_order_mark(tmp_path: Path) -> None:
    case(tmp_path / "x", "a")
    path = table(tmp_path, "case folder", "mine x", name="patients.csv", tab=",")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert find(path)[0].case == "mine"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["case fodler", "a x"], "unknown column 'fodler'; did you mean 'folder'"),
        (["case folder voxels", "a x y"], "unknown column 'voxels'; columns are case, folder"),
        (["case,folder", "a,x"], "separate the columns by tabs"),
        (["case t1", "a x"], "give the columns case, and folder or t1 and seg"),
        (["case folder case", "a x b"], "names a column twice"),
        (["case folder"], "lists no patients"),
        (["# nothing"], "is empty"),
        (["case folder", "a none"], "folder of case a not found"),
        (["case folder", "a x y"], "has 3 cells under 2 columns"),
        (["case folder", " x"], "has no case name"),
        (["case folder labels", "a x brats"], "unknown label scheme 'brats'"),
        (["case t1 seg", "a f.nii.gz f.nii.gz"], "no label scheme, which free file names do not tell"),
        (["case t1 seg labels", "a f.nii.gz g.nii.gz brats2021"], r"g\.nii\.gz.*file not found \(seg of case a\)"),
        (["case t1 seg labels", "a f.nii.gz  brats2021"], "case a has no seg; fill in"),
        (["case folder", "a x", "a x"], "case a is there twice"),
        (["case folder", "a two"], "holds images of several cases"),
        (["case folder", "a empty"], "holds no images in BraTS naming"),
    ],
)
def test_broken_tables_are_refused_with_the_mend(tmp_path: Path, rows: list[str], message: str) -> None:
    case(tmp_path / "x", "a")
    case(tmp_path / "two", "a")
    case(tmp_path / "two", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "f.nii.gz").touch()
    with pytest.raises(InputError, match=message):
        find(table(tmp_path, *rows))


def test_a_binary_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patients.tsv"
    path.write_bytes(b"\xff\xfe\x00PK")
    with pytest.raises(InputError, match="not a text table"):
        find(path)


def test_phantoms_have_names_before_they_exist(tmp_path: Path) -> None:
    assert phantom_cases(PhantomSettings(count=2)) == ["phantom-00000", "phantom-00001"]
    files = phantom_files("phantom-00001", tmp_path)
    assert files.labels == "brats2021"
    assert files.t1c == tmp_path / "phantom-00001_t1ce.nii.gz"
    assert match_file(files.seg) == (CONVENTIONS[0], "phantom-00001", "seg")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PatientsSettings, {"folder": "x"}),
        (RegisterSettings, {"tumour_fill": "black"}),
        (RegisterSettings, {"affine_iterations": (10,), "affine_shrink": (2, 1)}),
        (RegisterSettings, {"deformable_iterations": ()}),
        (RegisterSettings, {"poor_dice": 0.99}),
        (PhantomSettings, {"tumour_volume_cc": (50, 20)}),
        (PhantomSettings, {"whole_at": 0.7}),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: type, values: dict) -> None:
    with pytest.raises(ValidationError):
        kind(**values)


def test_listing_patients_imports_nothing_heavy() -> None:
    code = (
        "import sys, gliofit.register.patients, gliofit.register.table, gliofit.register.settings;"
        "print([m for m in ('ants', 'torch', 'numba', 'nibabel', 'scipy', 'pandas', 'nilearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.shared_data
def test_the_real_patients_are_found(shared_data: Path) -> None:
    """Those of BraTS 2015 carry the names of BraTS 2021 and other labels, so that their scheme must be named."""
    survey = survey_patients(PatientsSettings(source=shared_data / "patients"))
    schemes = {patient.case: patient.labels for patient in survey.patients}
    assert len(schemes) == 11
    assert schemes.pop("BraTS-GLI-00000-000") == "brats2023"
    assert set(schemes.values()) == {"brats2021"}
    assert {p.case: p.error.code for p in survey.problems} == {
        f"BraTS2015_pat000{number}": "labels-not-implied" for number in (1, 3, 4)
    }


@pytest.mark.shared_data
def test_the_table_of_real_patients_names_every_scheme(shared_data: Path) -> None:
    found = find(shared_data / "cohort.tsv")
    assert len(found) == 14
    assert {patient.labels for patient in found if patient.case.startswith("BraTS2015")} == {"brats2015"}


@pytest.mark.parametrize(
    ("name", "implied"),
    [
        ("BraTS2015_pat0001", False),
        ("brats_2013_pat0001_1", False),
        ("BraTS16_CBICA_AAB_1", False),
        ("BraTS2021_00006", True),
        ("BraTS20_Training_001", True),
        ("BraTS19_CBICA_AAB_1", True),
        ("TCGA-DU-7294", True),
    ],
)
def test_names_of_2021_imply_a_scheme_unless_the_data_are_older(tmp_path: Path, name: str, implied: bool) -> None:
    case(tmp_path / name, name)
    survey = survey_patients(PatientsSettings(source=tmp_path))
    if implied:
        assert [patient.labels for patient in survey.patients] == ["brats2021"]
    else:
        assert [problem.error.code for problem in survey.problems] == ["labels-not-implied"]
        named = survey_patients(PatientsSettings(source=tmp_path, labels="brats2015"))
        assert [patient.labels for patient in named.patients] == ["brats2015"]
