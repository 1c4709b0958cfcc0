"""Finding patients in BIDS datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import find_cohort, survey_patients
from gliofit.register.settings import PatientsSettings

BRATS = {0: "Background", 1: "necrotic core", 2: "peritumoural oedema", 4: "enhancing tumour"}


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def lookup(path: Path, labels: dict[int, str] = BRATS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("index\tname\tabbreviation\n" + "".join(f"{i}\t{name}\tX\n" for i, name in labels.items()))


def find(source: Path, **settings: object) -> list[PatientFiles]:
    return find_cohort(PatientsSettings(source=source, **settings), seed=1)[0]


def names(patient: PatientFiles) -> dict[str, str]:
    return {role: path.name for role, path in patient.images.items()}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two subjects with every image; the second has two sessions. Segmentations are derivatives with one lookup."""
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "Gliomas", "BIDSVersion": "1.9.0"}))
    for case in ("sub-01", "sub-02/ses-01", "sub-02/ses-02"):
        stem = case.replace("/", "_")
        images = ("T1w", "ce-gadolinium_T1w", "T2w", "FLAIR")
        touch(tmp_path, *(f"{case}/anat/{stem}_{image}.nii.gz" for image in images))
        touch(tmp_path, f"derivatives/manual/{case}/anat/{stem}_desc-tumor_dseg.nii.gz")
    lookup(tmp_path / "derivatives/manual/desc-tumor_dseg.tsv")
    return tmp_path


def test_subjects_and_sessions_are_cases(dataset: Path) -> None:
    patients = find(dataset)
    assert [p.case for p in patients] == ["sub-01", "sub-02_ses-01", "sub-02_ses-02"]
    assert {p.labels for p in patients} == {"brats2021"}
    assert names(patients[2]) == {
        "t1": "sub-02_ses-02_T1w.nii.gz",
        "t1c": "sub-02_ses-02_ce-gadolinium_T1w.nii.gz",
        "t2": "sub-02_ses-02_T2w.nii.gz",
        "flair": "sub-02_ses-02_FLAIR.nii.gz",
        "seg": "sub-02_ses-02_desc-tumor_dseg.nii.gz",
    }
    assert all(path.is_file() for p in patients for path in p.paths)
    assert [p.case for p in find(dataset, exclude=("sub-02_ses-02",))] == ["sub-01", "sub-02_ses-01"]


def test_skull_stripped_images_in_the_space_of_the_segmentation_are_preferred(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "sub-01/anat/sub-01_T1w.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_space-MNI_desc-preproc_T1w.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_space-MNI_desc-brain_T1w.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_space-MNI_desc-brain_mask.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-brain_mask.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_dseg.nii.gz",
        "derivatives/prep/sub-01/anat/sub-01_desc-aseg_dseg.nii.gz",
        "derivatives/seg/sub-01/anat/sub-01_space-MNI_label-tumor_dseg.nii.gz",
    )
    (patient,) = find(tmp_path, labels="brats2023")
    assert names(patient) == {
        "t1": "sub-01_space-MNI_desc-brain_T1w.nii.gz",
        "seg": "sub-01_space-MNI_label-tumor_dseg.nii.gz",
        "brain_mask": "sub-01_space-MNI_desc-brain_mask.nii.gz",
    }


def test_images_in_other_spaces_are_ignored(tmp_path: Path) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}T1w.nii.gz", f"{anat}dseg.nii.gz", f"{anat}space-MNI_desc-brain_mask.nii.gz")
    assert set(names(find(tmp_path, labels="brats2023")[0])) == {"t1", "seg"}
    (tmp_path / f"{anat}dseg.nii.gz").rename(tmp_path / f"{anat}space-MNI_dseg.nii.gz")
    with pytest.raises(InputError, match="sub-01_space-MNI"):
        find(tmp_path, labels="brats2023")


@pytest.mark.parametrize("contrast", ["ce-gadolinium", "ce-Gd", "acq-postcontrast", "acq-mpragegd"])
@pytest.mark.parametrize("native", ["acq-precontrast_", "acq-pregad_", ""])
def test_contrast_enhanced_images(tmp_path: Path, contrast: str, native: str) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}{native}T1w.nii.gz", f"{anat}{contrast}_T1w.nii.gz", f"{anat}dseg.nii.gz")
    (patient,) = find(tmp_path, labels="brats2023")
    assert names(patient)["t1"] == f"sub-01_{native}T1w.nii.gz"
    assert names(patient)["t1c"] == f"sub-01_{contrast}_T1w.nii.gz"


def test_choice_by_an_entity(tmp_path: Path) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}run-1_T1w.nii.gz", f"{anat}run-2_T1w.nii.gz", f"{anat}dseg.nii.gz")
    with pytest.raises(InputError, match="run: '1'"):
        find(tmp_path, labels="brats2023")
    (patient,) = find(tmp_path, labels="brats2023", entities={"run": "2"})
    assert names(patient)["t1"] == "sub-01_run-2_T1w.nii.gz"


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (BRATS, "brats2021"),
        ({1: "NCR", 2: "SNFH", 3: "ET"}, "brats2023"),
        ({1: "necrosis", 2: "edema", 3: "non-enhancing tumor", 4: "enhancing tumor"}, "brats2015"),
        ({1: "necrotic and non-enhancing core", 2: "FLAIR", 3: "enhancing tissue", 4: "resection cavity"}, "brats2024"),
        ({1: "necrotic", 2: "oedema", 3: "enhancing", 4: "non-enhancing", 5: "resection cavity"}, "gliofit"),
        ({1: "necrosis", 2: "edema, no enhancement", 3: "not enhancing", 4: "enhancing"}, "brats2015"),
        ({1: "NETC: non-enhancing tumor core", 2: "SNFH", 3: "ET", 4: "RC"}, "brats2024"),
        ({1: "edema", 2: "non-enhancing tumor", 3: "enhancing tumour"}, "msd"),
        ({1: "ET", 2: "NET", 3: "cystic component", 4: "ED"}, "brats2024-ped"),
    ],
)
def test_label_scheme_of_lookup_tables(tmp_path: Path, labels: dict[int, str], scheme: str) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    lookup(tmp_path / "sub-01/anat/sub-01_dseg.tsv", labels)
    assert find(tmp_path)[0].labels == scheme
    assert find(tmp_path, labels="brats2015")[0].labels == "brats2015"


def test_incomplete_cases_are_reported(dataset: Path) -> None:
    touch(dataset, "sub-03/anat/sub-03_FLAIR.nii.gz", "derivatives/manual/sub-03/anat/sub-03_desc-tumor_dseg.nii.gz")
    touch(dataset, "sub-04/anat/sub-04_T1w.nii.gz")
    survey = survey_patients(PatientsSettings(source=dataset))
    assert [p.case for p in survey.problems] == ["sub-03", "sub-04"]
    assert len(survey.patients) == 3
