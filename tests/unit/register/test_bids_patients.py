"""Finding patients in BIDS datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.register.cohort import find_cohort
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import survey_patients
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
    found = find(dataset)
    assert [p.case for p in found] == ["sub-01", "sub-02_ses-01", "sub-02_ses-02"]
    assert {p.labels for p in found} == {"brats2021"}
    assert names(found[2]) == {
        "t1": "sub-02_ses-02_T1w.nii.gz",
        "t1c": "sub-02_ses-02_ce-gadolinium_T1w.nii.gz",
        "t2": "sub-02_ses-02_T2w.nii.gz",
        "flair": "sub-02_ses-02_FLAIR.nii.gz",
        "seg": "sub-02_ses-02_desc-tumor_dseg.nii.gz",
    }
    assert all(path.is_file() for p in found for path in p.paths)
    assert [p.case for p in find(dataset, exclude=("sub-02_ses-02",))] == ["sub-01", "sub-02_ses-01"]


def test_derivatives_alone_and_folders_without_description_are_datasets(tmp_path: Path) -> None:
    anat = "sub-P1/ses-pre/anat/sub-P1_ses-pre_space-SRI24_"
    touch(tmp_path, f"{anat}desc-brain_T1w.nii.gz", f"{anat}label-lesion_mask.nii.gz")
    found = find(tmp_path, labels="gliofit")
    assert [(p.case, p.labels) for p in found] == [("sub-P1_ses-pre", "gliofit")]
    assert names(found[0]) == {
        "t1": "sub-P1_ses-pre_space-SRI24_desc-brain_T1w.nii.gz",
        "seg": "sub-P1_ses-pre_space-SRI24_label-lesion_mask.nii.gz",
    }


def test_images_in_the_space_of_the_segmentation_and_without_skull_win(tmp_path: Path) -> None:
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


def test_images_in_other_spaces_are_left_out(tmp_path: Path) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}T1w.nii.gz", f"{anat}dseg.nii.gz", f"{anat}space-MNI_desc-brain_mask.nii.gz")
    assert set(names(find(tmp_path, labels="brats2023")[0])) == {"t1", "seg"}
    (tmp_path / f"{anat}dseg.nii.gz").rename(tmp_path / f"{anat}space-MNI_dseg.nii.gz")
    with pytest.raises(
        InputError, match="no T1w image of sub-01 in the segmentation's space MNI; add sub-01_space-MNI"
    ):
        find(tmp_path, labels="brats2023")


def test_spaces_of_the_patient_himself_are_one(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_space-MNI_T1w.nii.gz",
        "sub-01/anat/sub-01_space-T1w_desc-tumour_dseg.nii.gz",
    )
    assert names(find(tmp_path, labels="brats2023")[0])["t1"] == "sub-01_T1w.nii.gz"


@pytest.mark.parametrize("contrast", ["ce-gadolinium", "ce-gad", "ce-Gd", "acq-postcontrast", "acq-ce", "acq-mpragegd"])
@pytest.mark.parametrize("native", ["acq-precontrast_", "acq-noncontrast_", "acq-pregad_", "acq-mprage_", ""])
def test_contrast_enhanced_images_are_told_apart(tmp_path: Path, contrast: str, native: str) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}{native}T1w.nii.gz", f"{anat}{contrast}_T1w.nii.gz", f"{anat}dseg.nii.gz")
    (patient,) = find(tmp_path, labels="brats2023")
    assert names(patient)["t1"] == f"sub-01_{native}T1w.nii.gz"
    assert names(patient)["t1c"] == f"sub-01_{contrast}_T1w.nii.gz"


def test_the_contrast_enhanced_image_takes_the_place_of_a_missing_native_one(tmp_path: Path) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_ce-gadolinium_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    (patient,) = find(tmp_path, labels="brats2023")
    assert not patient.has_native_t1


def test_several_candidates_are_chosen_by_an_entity_that_the_message_names(tmp_path: Path) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}run-1_T1w.nii.gz", f"{anat}run-2_T1w.nii.gz", f"{anat}dseg.nii.gz")
    with pytest.raises(InputError, match="2 files could be the T1w image of sub-01") as caught:
        find(tmp_path, labels="brats2023")
    assert "which differ in run; choose by patients.entities, such as {run: '1'}" in str(caught.value)
    (patient,) = find(tmp_path, labels="brats2023", entities={"run": "2"})
    assert names(patient)["t1"] == "sub-01_run-2_T1w.nii.gz"


def test_one_file_in_two_forms_is_refused(tmp_path: Path) -> None:
    anat = "sub-01/anat/sub-01_"
    touch(tmp_path, f"{anat}T1w.nii.gz", f"{anat}T1w.nii", f"{anat}dseg.nii.gz")
    with pytest.raises(InputError, match=r"sub-01_T1w\.nii and .*sub-01_T1w\.nii\.gz\); take one away"):
        find(tmp_path, labels="brats2023")


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (BRATS, "brats2021"),
        ({1: "NCR", 2: "SNFH", 3: "ET"}, "brats2023"),
        ({1: "necrosis", 2: "edema", 3: "non-enhancing tumor", 4: "enhancing tumor"}, "brats2015"),
        ({1: "necrotic and non-enhancing core", 2: "FLAIR", 3: "enhancing tissue", 4: "resection cavity"}, "brats2024"),
        ({1: "necrotic", 2: "oedema", 3: "enhancing", 4: "non-enhancing", 5: "resection cavity"}, "gliofit"),
    ],
)
def test_lookup_tables_tell_the_scheme(tmp_path: Path, labels: dict[int, str], scheme: str) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    lookup(tmp_path / "sub-01/anat/sub-01_dseg.tsv", labels)
    assert find(tmp_path)[0].labels == scheme
    assert find(tmp_path, labels="brats2015")[0].labels == "brats2015"


@pytest.mark.parametrize("labels", [{"2": "edema", "1": "necrosis", "4": "ET"}, {"edema": 2, "necrosis": 1, "ET": 4}])
def test_sidecars_tell_the_scheme_where_there_is_no_table(tmp_path: Path, labels: dict) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    (tmp_path / "dseg.json").write_text(json.dumps({"LabelMap": labels}))
    assert find(tmp_path)[0].labels == "brats2021"


def test_the_nearest_table_that_holds_for_a_file_counts(tmp_path: Path) -> None:
    anat = tmp_path / "sub-01/anat"
    touch(anat, "sub-01_T1w.nii.gz", "sub-01_desc-tumour_dseg.nii.gz")
    lookup(tmp_path / "dseg.tsv", {1: "grey matter"})
    lookup(tmp_path / "desc-tumour_dseg.tsv")
    lookup(anat / "sub-01_desc-tissue_dseg.tsv", {1: "white matter"})
    assert find(tmp_path)[0].labels == "brats2021"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({1: "Gray Matter"}, "label 1 is 'Gray Matter', which gliofit does not take for a part of a tumour"),
        ({1: "edema", 2: "enhancing"}, "says 1 oedema, 2 enhancing, which is not a label scheme"),
        ({0: "background"}, "says nothing of a tumour"),
    ],
)
def test_lookup_tables_that_fit_nothing_are_refused(tmp_path: Path, labels: dict[int, str], message: str) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    lookup(tmp_path / "dseg.tsv", labels)
    with pytest.raises(InputError, match=message):
        find(tmp_path)


def test_a_segmentation_of_which_nothing_tells_the_scheme_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz")
    with pytest.raises(InputError, match=r"add sub-01_dseg\.tsv with the columns index and name, or state"):
        find(tmp_path)


def test_every_incomplete_case_is_named(dataset: Path) -> None:
    touch(dataset, "sub-03/anat/sub-03_FLAIR.nii.gz", "derivatives/manual/sub-03/anat/sub-03_desc-tumor_dseg.nii.gz")
    touch(dataset, "sub-04/anat/sub-04_T1w.nii.gz")
    survey = survey_patients(PatientsSettings(source=dataset))
    assert [(p.case, p.error.problem) for p in survey.problems] == [
        ("sub-03", "has no T1w image of sub-03"),
        ("sub-04", "has no tumour segmentation of sub-04"),
    ]
    assert len(survey.patients) == 3


def test_files_that_were_not_fetched_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "sub-01/anat/sub-01_dseg.nii.gz")
    (tmp_path / "sub-01/anat/sub-01_T1w.nii.gz").symlink_to(".git/annex/objects/gone")
    with pytest.raises(InputError, match=r"sub-01_T1w\.nii\.gz: is a link to nothing; fetch"):
        find(tmp_path, labels="brats2023")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds no JSON object"),
        ('{"Name": "x"}', "has no text 'BIDSVersion'"),
        ('{"Name": "x", "BIDSVersion": "2.0.0"}', "is of BIDS version 2.0.0"),
    ],
)
def test_broken_descriptions_are_refused(dataset: Path, content: str, message: str) -> None:
    (dataset / "dataset_description.json").write_text(content)
    with pytest.raises(InputError, match=message):
        find(dataset)


def test_brats_folders_are_no_datasets(tmp_path: Path) -> None:
    touch(tmp_path, "sub-01/sub-01_t1.nii.gz", "sub-01/sub-01_seg.nii.gz")
    (patient,) = find(tmp_path)
    assert (patient.case, patient.labels) == ("sub-01", "brats2021")
