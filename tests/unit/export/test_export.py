"""Results in other layouts: every file there, named as its layout wants, and where the patient's T1 is."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.io import read_volume
from gliofit.export.bids import case_entities
from gliofit.export.run import export_run
from gliofit.register.patients import find_cohort
from gliofit.register.settings import PatientsSettings

from .conftest import CASES, LANDMARK, oblique_lps_grid

ANAT = "sub-TCGADU0001/anat/sub-TCGADU0001_"


@pytest.fixture(scope="module")
def dataset(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bids") / "derivatives"
    assert export_run(run, out, "bids", images=True) == 3
    return out


@pytest.fixture(scope="module")
def plain(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "out"
    export_run(run, out, "plain", images=True)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def validate(dataset: Path) -> list[dict]:
    """Issues that the validator of the BIDS standard finds; it brings its schema along and needs no network."""
    program = Path(sys.executable).with_name("bids-validator-deno")
    if not program.is_file():
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run([program, "--format", "json", dataset], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["issues"]["issues"]


def test_the_validator_of_the_standard_finds_nothing(dataset: Path) -> None:
    # Who the authors are nobody has told; everything else that is required or recommended is there.
    assert {issue["code"] for issue in validate(dataset)} == {"TOO_FEW_AUTHORS"}


def test_names_of_cases_are_told_back(dataset: Path) -> None:
    assert (dataset / "sub-01/ses-02/anat/sub-01_ses-02_dseg.nii.gz").is_file()
    people = {row["participant_id"]: row["case"] for row in rows(dataset / "participants.tsv")}
    assert people == {"sub-01": "n/a", "sub-BraTS202100006": "BraTS2021_00006", "sub-TCGADU0001": "TCGA-DU-0001"}
    assert rows(dataset / "sub-01/sub-01_sessions.tsv")[0]["case"] == "sub-01_ses-02"
    assert case_entities("sub-A1") == {"sub": "A1"}


def test_images_that_there_are_come_out_and_others_do_not(dataset: Path) -> None:
    names = {path.name.removeprefix("sub-TCGADU0001_") for path in (dataset / ANAT).parent.glob("*.nii.gz")}
    assert names == {
        "desc-brain_T1w.nii.gz", "desc-brain_FLAIR.nii.gz", "desc-brain_mask.nii.gz",
        "label-WM_probseg.nii.gz", "label-GM_probseg.nii.gz", "label-CSF_probseg.nii.gz", "dseg.nii.gz",
        "desc-tumour_dseg.nii.gz", "label-GTV_mask.nii.gz",
        "label-tumour_desc-gaussnewton_probseg.nii.gz", "label-tumour_desc-direct_probseg.nii.gz",
        "label-tumour_stat-std_desc-gaussnewton_probseg.nii.gz",
        "label-CTV_desc-clinical6mm_mask.nii.gz", "label-CTV_desc-clinical7p5mm_mask.nii.gz",
        "label-CTV_desc-personalised6mmgaussnewton_mask.nii.gz",
        "label-CTV_desc-personalised7p5mmgaussnewton_mask.nii.gz",
        "desc-targets6mmgaussnewton_dseg.nii.gz", "desc-targets7p5mmgaussnewton_dseg.nii.gz",
        "from-atlas_to-T1w_mode-image_desc-warp_xfm.nii.gz", "from-T1w_to-atlas_mode-image_desc-warp_xfm.nii.gz",
    }  # fmt: skip


def test_sidecars_say_what_a_file_was_made_of_and_where_from(dataset: Path, run: Path) -> None:
    sidecar = json.loads((dataset / f"{ANAT}label-CTV_desc-personalised6mmgaussnewton_mask.json").read_text())
    assert sorted(sidecar["Sources"]) == [
        f"bids::{ANAT}desc-brain_mask.nii.gz",
        f"bids::{ANAT}desc-tumour_dseg.nii.gz",
        f"bids::{ANAT}label-tumour_desc-gaussnewton_probseg.nii.gz",
    ]
    assert (sidecar["Margin"], sidecar["Method"], sidecar["Type"]) == (6.0, "gauss-newton", "ROI")
    sidecar = json.loads((dataset / f"{ANAT}label-WM_probseg.json").read_text())
    assert sidecar["Sources"] == [f"bids::{ANAT}desc-brain_T1w.nii.gz"]
    origin = sidecar["GliofitOrigin"]
    digest = hashlib.sha256((run / origin.pop("Path")).read_bytes()).hexdigest()
    wanted = {"SHA256": digest, "Rule": "register_patient", "Seed": 7, "Version": "0.1.0", "Revision": "abc"}
    assert origin == wanted
    # Whoever opens a concentration reads there that its estimate is not to be trusted.
    sidecar = json.loads((dataset / f"{ANAT}label-tumour_desc-direct_probseg.json").read_text())
    assert (sidecar["EstimateStatus"], sidecar["EstimateMessage"]) == ("not-converged", "budget")


@pytest.mark.parametrize("case", CASES[:1])
def test_a_landmark_is_at_the_same_place_in_every_file(dataset: Path, plain: Path, run: Path, case: str) -> None:
    """By nibabel (RAS) and by ITK (LPS), which read sform and qform each in their own way."""
    import ants

    t1 = nib.load(run / f"register/patients/{case}/t1.nii.gz")
    world = oblique_lps_grid().voxel_to_world(LANDMARK)
    folder = case_entities(case)
    anat = dataset.joinpath(*(f"{key}-{value}" for key, value in folder.items()), "anat")
    paths = [*anat.glob("*.nii.gz"), *(plain / case).glob("*.nii.gz")]
    paths = [path for path in paths if "_xfm" not in path.name]
    assert len(paths) == 2 * 18
    for path in paths:
        image = nib.load(path)
        np.testing.assert_allclose(nib.affines.apply_affine(image.affine, LANDMARK), world, atol=1e-4)
        np.testing.assert_allclose(nib.affines.apply_affine(image.get_qform(), LANDMARK), world, atol=1e-3)
        np.testing.assert_allclose(image.affine, t1.affine, atol=1e-6)
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
        assert image.header.get_xyzt_units()[0] == "mm"
        by_itk = ants.image_read(str(path))
        physical = by_itk.direction @ (np.array(by_itk.spacing) * LANDMARK) + by_itk.origin
        np.testing.assert_allclose(physical * [-1, -1, 1], world, atol=1e-3)
        # The voxel is white matter, and everything but grey matter and CSF shows something of it.
        assert (image.dataobj[LANDMARK] == 0) == any(kind in path.name.lower() for kind in ("gm", "csf"))


def test_voxels_are_those_of_the_results(dataset: Path, plain: Path, run: Path) -> None:
    case = "TCGA-DU-0001"
    pairs = {
        f"{ANAT}desc-tumour_dseg.nii.gz": "register/patients/{}/segmentation.nii.gz",
        f"{ANAT}label-tumour_desc-gaussnewton_probseg.nii.gz": "forward/patients/{}/gauss-newton/concentration.nii.gz",
        f"{ANAT}label-CTV_desc-clinical6mm_mask.nii.gz": "plan/patients/{}/gauss-newton/clinical-6mm.nii.gz",
    }
    for target, source in pairs.items():
        np.testing.assert_array_equal(read_volume(dataset / target).data, read_volume(run / source.format(case)).data)
    targets = read_volume(plain / case / "targets-6mm-gauss-newton.nii.gz").data
    clinical = read_volume(plain / case / "ctv-clinical-6mm.nii.gz").data
    personalised = read_volume(plain / case / "ctv-personalised-6mm-gauss-newton.nii.gz").data
    np.testing.assert_array_equal(np.isin(targets, (1, 2)), clinical)
    np.testing.assert_array_equal(np.isin(targets, (1, 3)), personalised)
    assert set(np.unique(targets)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("name", "intent", "display", "dtype"),
    [
        ("t1", "none", (0, 0), "float32"),
        ("tumour", "label", (0, 5), "uint8"),
        ("concentration-gauss-newton", "estimate", (0, 1), "float32"),
        ("targets-6mm-gauss-newton", "label", (0, 3), "uint8"),
    ],
)
def test_headers_tell_viewers_what_they_show(plain: Path, name: str, intent: str, display: tuple, dtype: str) -> None:
    header = nib.load(plain / f"TCGA-DU-0001/{name}.nii.gz").header
    assert header.get_intent()[0] == intent
    assert (float(header["cal_min"]), float(header["cal_max"])) == display
    assert header.get_data_dtype() == dtype


def test_an_export_is_the_same_bytes_again(dataset: Path, run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "again", "bids", images=True)
    files = sorted(path.relative_to(dataset) for path in dataset.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*") if path.is_file()
    )
    assert [f for f in files if (dataset / f).read_bytes() != (tmp_path / "again" / f).read_bytes()] == []


def test_an_export_can_be_a_source_of_patients(dataset: Path) -> None:
    found = find_cohort(PatientsSettings(source=dataset), seed=1)[0]
    assert [(p.case, p.labels) for p in found] == [
        ("sub-01_ses-02", "gliofit"),
        ("sub-BraTS202100006", "gliofit"),
        ("sub-TCGADU0001", "gliofit"),
    ]
    assert {role: path.name for role, path in found[2].images.items()} == {
        "t1": "sub-TCGADU0001_desc-brain_T1w.nii.gz",
        "flair": "sub-TCGADU0001_desc-brain_FLAIR.nii.gz",
        "seg": "sub-TCGADU0001_desc-tumour_dseg.nii.gz",
        "brain_mask": "sub-TCGADU0001_desc-brain_mask.nii.gz",
    }


def test_what_cannot_be_exported_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for source, out, options in (
        (run, "out", {"cases": ["nobody"]}),
        (run, "out", {"methods": ["none"]}),
        (tmp_path, "out", {}),
        (run, "full", {}),
    ):
        with pytest.raises(InputError):
            export_run(source, tmp_path / out, **options)
    assert not (tmp_path / "out").exists()
