"""Labels that mean something else than their scheme says: found by anatomy, by every command alike."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.labels import TumourLabel, translate_labels
from gliofit.core.tissue import Tissue
from gliofit.inputs.anatomy import check_segmentation, check_tissue, edge_share, focus_volumes_mm3, sensible_schemes
from gliofit.inputs.images import read_segmentation
from gliofit.inputs.label_names import AmbiguousNameError, tumour_part
from gliofit.register.bids_patients import label_scheme
from gliofit.register.check import check_patients
from gliofit.register.images import read_patient
from gliofit.register.patient_files import PatientFiles
from gliofit.register.settings import PatientsSettings

from .conftest import Case, Run, accepted, fit, plan, refused
from .made_up import SCENE, ball, save

GRID = Grid(SCENE.shape, SCENE.affine)
CC = GRID.voxel_volume_mm3 / 1000
BRAIN = SCENE.tissue() > 0
TUMOUR = SCENE.tumour()

Labels = NDArray[np.uint8]


def relabelled(segmentation: Labels, changes: dict[int, int]) -> Labels:
    """The segmentation with every value replaced by another."""
    return np.select([segmentation == value for value in changes], list(changes.values())).astype(np.uint8)


def findings(segmentation: Labels, scheme: str, brain: NDArray[np.bool_] | None = BRAIN) -> dict[str, InputWarning]:
    """Warnings about a segmentation by code."""
    warnings: list[InputWarning] = []
    grid = Grid(segmentation.shape, GRID.affine)
    check_segmentation(translate_labels(segmentation, scheme), grid, scheme, "seg.nii.gz", warnings, brain)
    assert all(warning.subject == "seg.nii.gz" for warning in warnings)
    return {warning.code: warning for warning in warnings}


def error_code(segmentation: Labels, scheme: str) -> str:
    with pytest.raises(InputError) as caught:
        findings(segmentation, scheme)
    return caught.value.code


def tissue_findings(labels: Labels, grid: Grid = GRID) -> dict[str, InputWarning]:
    """Warnings about tissue labels by code."""
    warnings: list[InputWarning] = []
    check_tissue(Tissue.from_labels(Volume(labels, grid)), "tissue.nii.gz", warnings)
    return {warning.code: warning for warning in warnings}


#: Segmentations for the tests of functions and of commands.
TWO_FOCI = np.maximum(TUMOUR, SCENE.tumour((-38, -20, 18), (18, 12, 7)))
THREE_FOCI = np.maximum(TWO_FOCI, SCENE.tumour((0, 50, 0), (14, 10, 5)))
TWO_CORES = SCENE.tumour((38, -20, 18), (26,), (2,))
TWO_CORES[ball(SCENE, (38, -36, 18), 8) | ball(SCENE, (38, -4, 18), 8)] = 4
NNUNET_ORDER = relabelled(TUMOUR, {2: 1, 1: 2, 4: 3})
AFTER_SURGERY = SCENE.tumour(radii_mm=(20, 13), labels=(2, 4))
AFTER_SURGERY[ball(SCENE, (38, -10, 18), 5)] = 3
PEDIATRIC = relabelled(TUMOUR, {4: 1, 2: 2, 1: 3})


class TestSegmentation:
    @pytest.mark.parametrize(
        ("scheme", "changes"),
        [
            ("brats2021", {1: 1, 2: 2, 4: 4}),
            ("brats2023", {1: 1, 2: 2, 4: 3}),
            ("brats2015", {1: 1, 2: 2, 4: 4}),
            ("msd", {2: 1, 1: 2, 4: 3}),
            ("brats2024-ped", {4: 1, 1: 3, 2: 4}),
            ("gliofit", {1: 1, 2: 2, 4: 3}),
        ],
    )
    def test_a_plain_tumour_has_no_finding(self, scheme: str, changes: dict[int, int]) -> None:
        assert findings(relabelled(TUMOUR, changes), scheme) == {}

    @pytest.mark.parametrize(
        ("segmentation", "scheme", "fitting"),
        [
            (NNUNET_ORDER, "brats2023", "msd"),
            (relabelled(TUMOUR, {1: 1, 2: 2, 4: 3}), "msd", "brats2023"),
            (relabelled(TUMOUR, {4: 2, 2: 3, 1: 1}), "brats2023", None),
            (relabelled(TUMOUR, {4: 1, 2: 4, 1: 2}), "brats2021", "brats2024-ped"),
            (PEDIATRIC, "brats2023", "brats2024-ped"),
            (TUMOUR, "brats2024", "brats2021"),
            (relabelled(TUMOUR, {1: 1, 2: 2, 4: 3}), "brats2024-ped", "brats2023"),
        ],
        ids=["nnunet", "brats-as-msd", "oedema-enhancing", "four-outside", "pediatric", "cavity", "brats-as-ped"],
    )
    def test_labels_in_another_order_are_noticed(self, segmentation: Labels, scheme: str, fitting: str | None) -> None:
        found = findings(segmentation, scheme)["labels-enclosure"]
        assert fitting is None or fitting in found.hint
        assert scheme not in sensible_schemes(segmentation)

    def test_a_rim_of_enhancing_tumour_beside_necrosis_is_usual(self) -> None:
        """Mostly non-enhancing core with enhancing nodules in its wall, as in one of the fourteen patients."""
        segmentation = SCENE.tumour(radii_mm=(26, 20), labels=(2, 1))
        segmentation[ball(SCENE, (38, 0, 18), 7) & (segmentation > 0)] = 4
        assert "labels-enclosure" not in findings(segmentation, "brats2021")

    def test_specks_are_not_judged(self) -> None:
        segmentation = SCENE.tumour(radii_mm=(22,), labels=(1,))
        segmentation[ball(SCENE, (38, -20, 18), 3)] = 2
        assert 0 < np.count_nonzero(segmentation == 2) < 10
        assert "labels-enclosure" not in findings(segmentation, "brats2021")

    @pytest.mark.parametrize(
        "changes",
        [{1: 1, 2: 2, 3: 3}, {1: 3, 2: 1, 3: 2}, {1: 1, 2: 1, 3: 1}, {3: 1}, {2: 1}, {1: 1}],
        ids=["tissue", "other-order", "brain", "white", "grey", "csf"],
    )
    def test_tissue_is_not_a_tumour(self, changes: dict[int, int]) -> None:
        assert error_code(relabelled(SCENE.tissue(), changes), "brats2023") == "tissue-as-tumour"

    def test_tissue_is_refused_by_volume_without_a_brain(self) -> None:
        """The tissue of a whole brain in itself, 1404.9 cc."""
        with pytest.raises(InputError, match=r"1405 cc"):
            findings(SCENE.tissue(), "brats2023", None)
        assert findings(TUMOUR, "brats2021", None) == {}

    def test_large_tumours_are_not_tissue(self) -> None:
        """A ball of 42 mm, 294 cc: more than a fifth of the brain, on one side."""
        segmentation = SCENE.tumour((30, 0, 0), (42, 30, 20))
        volume = np.count_nonzero(segmentation) * CC
        assert 230 < volume < 320
        assert findings(segmentation, "brats2021") == {}

    def test_a_tumour_elsewhere_is_refused(self) -> None:
        assert error_code(np.roll(TUMOUR, 14, axis=2), "brats2021") == "tumour-outside-brain"
        shifted = np.roll(TUMOUR, 6, axis=0)
        assert 0.05 < 1 - BRAIN[shifted > 0].mean() < 0.5
        assert "tumour-outside" in findings(shifted, "brats2021")

    def test_several_foci(self) -> None:
        assert "several-foci" in findings(TWO_FOCI, "brats2021")
        volumes = sorted((np.count_nonzero(part) * CC for part in (TWO_FOCI[25:], TWO_FOCI[:25])), reverse=True)
        assert volumes == pytest.approx([v / 1000 for v in focus_volumes_mm3(TWO_FOCI > 0, GRID)])
        assert len(focus_volumes_mm3(THREE_FOCI > 0, GRID)) == 3
        assert "3 separate foci" in findings(THREE_FOCI, "brats2021")["several-foci"].problem
        assert "tumour core has 2 separate foci" in findings(TWO_CORES, "brats2021")["several-foci"].problem

    def test_satellites_and_specks_are_not_foci(self) -> None:
        """40 single voxels, a part of 0.9 cc far away, and a part of 11 cc that is 6 mm away."""
        specks = TUMOUR.copy()
        rng = np.random.default_rng(0)
        free = np.flatnonzero((SCENE.tissue() == 3) & (TUMOUR == 0))
        specks.ravel()[rng.choice(free, 40, replace=False)] = 2
        assert "several-foci" not in findings(specks, "brats2021")
        far = np.where(ball(SCENE, (-40, 20, 0), 6), 2, TUMOUR).astype(np.uint8)
        assert "several-foci" not in findings(far, "brats2021")
        near = TUMOUR.copy()
        near[ball(SCENE, (38, 22, 18), 14) & BRAIN] = 2
        assert len(focus_volumes_mm3(near > 0, GRID)) == 1
        assert "several-foci" not in findings(near, "brats2021")

    def test_a_cavity_is_left_out(self) -> None:
        assert "brats2021" not in findings(AFTER_SURGERY, "brats2024")["resection-cavity"].hint
        # Labels of brats2021 named brats2024, with and without necrosis inside.
        for segmentation in (TUMOUR, SCENE.tumour(radii_mm=(22, 14), labels=(2, 4))):
            hint = findings(segmentation, "brats2024")["resection-cavity"].hint
            assert "4 is enhancing tumour in brats2021 and brats2015" in hint

    def test_one_label_alone_may_be_a_mask(self) -> None:
        assert set(findings((TUMOUR > 0).astype(np.uint8), "brats2021")) == {"single-label"}
        assert set(findings(2 * (TUMOUR > 0).astype(np.uint8), "brats2021")) == {"no-core"}

    def test_a_cut_tumour(self) -> None:
        found = findings(TUMOUR[:40], "brats2021", BRAIN[:40])
        assert found.keys() == {"tumour-cut"}
        assert f"{edge_share(TUMOUR[:40] > 0):.0%}" in found["tumour-cut"].problem


@pytest.mark.parametrize(
    ("segmentation", "named"),
    [
        # By brats2024 the outer ball would be a cavity around the tumour.
        (relabelled(TUMOUR, {4: 1, 1: 3, 2: 4}), ["brats2024-ped"]),
        (TUMOUR, ["brats2021", "brats2015"]),
    ],
    ids=["pediatric", "adult"],
)
def test_schemes_that_fit_values_and_anatomy_are_named(segmentation: Labels, named: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_segmentation(save(tmp_path / "seg.nii.gz", segmentation), "brats2023", GRID, warnings=[])
    assert caught.value.code == "labels-of-another-scheme"
    assert [scheme for scheme in [*named, "brats2024:"] if scheme in caught.value.hint] == named


@pytest.fixture(scope="module")
def mni(atlas_dir: Path) -> Volume:
    """Tissue labels of the MNI152 brain on voxels of 5 mm."""
    return read_volume(atlas_dir / "labels.nii.gz", np.uint8)


class TestTissue:
    @pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
    @pytest.mark.parametrize("brain", ["made up", "MNI152"])
    def test_every_other_order_is_noticed_and_the_right_one_named(
        self, brain: str, order: tuple[int, ...], mni: Volume
    ) -> None:
        right, grid = (SCENE.tissue(), GRID) if brain == "made up" else (mni.data, mni.grid)
        found = tissue_findings(np.array([0, *order], np.uint8)[right], grid)
        if order == (1, 2, 3):
            assert found == {}
        else:
            named = sorted(zip(order, ("CSF", "grey matter", "white matter"), strict=True))
            assert ", ".join(f"{value} {name}" for value, name in named) in found["tissue-order"].problem

    def test_exchanged_maps_of_white_and_grey_matter(self, mni: Volume) -> None:
        wm, gm = ((mni.data == value).astype(np.float32) for value in (3, 2))
        for white, grey, codes in ((wm, gm, []), (gm, wm, ["tissue-order"])):
            warnings: list[InputWarning] = []
            check_tissue(Tissue(white, grey, np.zeros_like(wm), mni.grid), "wm.nii.gz", warnings)
            assert [warning.code for warning in warnings] == codes

    def test_ventricles_as_the_only_csf_are_not_white_matter(self) -> None:
        """As programs give it that leave out the CSF around the brain."""
        labels = SCENE.tissue()
        labels[np.linalg.norm(SCENE.world / (66, 82, 62), axis=-1) > 0.95] = 0
        assert np.count_nonzero(labels == 1) > 0
        assert tissue_findings(labels) == {}

    def test_a_cut_brain(self) -> None:
        labels = SCENE.tissue()[:40]
        assert tissue_findings(labels, Grid(labels.shape, GRID.affine)).keys() == {"brain-cut"}

    @pytest.mark.parametrize(
        ("changes", "named"),
        [({2: 1, 3: 2}, "1 grey matter, 2 white matter"), ({3: 1, 2: 3}, "1 white matter, 3 grey matter")],
    )
    def test_two_labels_without_white_or_grey_matter(self, changes: dict[int, int], named: str) -> None:
        """Maps without CSF in another order: one of the two tissues is taken for CSF, and one is missing."""
        assert named in tissue_findings(relabelled(SCENE.tissue(), changes))["tissue-order"].problem


class TestLabelNames:
    @pytest.mark.parametrize(
        ("part", "names"),
        [
            (TumourLabel.ENHANCING, [
                "enhancing", "GD-enhancing tumor (ET)", "Enhancing_Tumor", "enhancing tumour without necrosis",
                "non-necrotic enhancing tumour", "necrosis-free enhancing tumour",
            ]),
            (TumourLabel.NON_ENHANCING, [
                "non-enhancing tumour", "NonEnhancing", "unenhancing tumour", "not enhancing", "not contrast-enhancing",
                "tumour, no contrast enhancement", "w/o enhancement", "enhancement absent",
                "neither enhancing nor necrotic",
            ]),
            (TumourLabel.OEDEMA, [
                "peritumoral edema, no enhancement", "surrounding non-enhancing FLAIR hyperintensity",
                "non-enhancing peritumoural oedema", "edema, no enhancement or necrosis", "Œdème péritumoral",
            ]),
            (TumourLabel.NECROTIC, [
                "necrosis, no enhancement", "Necrotic and non-enhancing tumor core", "NCR/NET", "cystic component",
            ]),
            (TumourLabel.CAVITY, ["non-enhancing cavity"]),
            (TumourLabel.NONE, ["Background"]),
            (None, ["whole tumour", "no cavity", "normal appearing white matter, no enhancement"]),
        ],
    )  # fmt: skip
    def test_negations_count(self, part: TumourLabel | None, names: list[str]) -> None:
        assert {name: tumour_part(name) for name in names} == dict.fromkeys(names, part)

    @pytest.mark.parametrize(
        "name",
        [
            "enhancing and non-enhancing tumour", "edema and non-enhancing tumour", "ring-enhancing cyst",
            "tumour core (enhancing + necrosis)", "no enhancement, necrosis", "without necrosis and oedema",
            "not non-enhancing", "possibly enhancing", "poorly enhancing", "infiltrating tumour",
            "FLAIR hyperintense non-enhancing tumour",
        ],
    )  # fmt: skip
    def test_what_can_mean_several_parts_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(AmbiguousNameError):
            tumour_part(name)
        with pytest.raises(InputError) as caught:
            label_scheme({1: name, 2: "oedema"}, tmp_path / "dseg.tsv")
        assert caught.value.code == "label-name-ambiguous"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with files of the made-up brain, where segmentations are replaced."""
    SCENE.save(tmp_path)
    return tmp_path


class TestCommands:
    @pytest.mark.parametrize(
        ("segmentation", "scheme", "code"),
        [
            (NNUNET_ORDER, "brats2023", "labels-enclosure"),
            (TWO_FOCI, "brats2021", "several-foci"),
            (AFTER_SURGERY, "brats2024", "resection-cavity"),
        ],
        ids=["order", "foci", "cavity"],
    )
    def test_plan_warns(self, scene: Path, run: Run, segmentation: Labels, scheme: str, code: str) -> None:
        save(scene / "seg.nii.gz", segmentation)
        result, _ = accepted(run, *plan(scene, scene / "plan", labels=scheme))
        warnings = {warning["code"]: warning["problem"] for warning in result["warnings"]}
        assert warnings.keys() - {"little-enhancing"} == {code}
        # The result itself says it too, for those who read it later.
        assert warnings[code] in result["plan"]["message"]

    def test_fit_warns_of_everything_at_once(self, scene: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tissue in SPM's order, cut, with two foci; the fit itself is left out."""

        def stop(*_: object, **__: object) -> None:
            raise InputError("fit", "left out", "nothing", "stopped")

        monkeypatch.setattr("gliofit.pipeline.fit.SegmentationObservation", stop)
        labels = relabelled(SCENE.tissue(), {2: 1, 3: 2, 1: 3})[:40]
        tissue = save(scene / "spm.nii.gz", labels, SCENE.affine)
        seg = save(scene / "two.nii.gz", TWO_FOCI[:40], SCENE.affine)
        code, out, err = run(*fit(scene, scene / "fit", tissue=tissue, seg=seg), "--json")
        assert (code, json.loads(out)["error"]["code"]) == (2, "stopped")
        said = [line.removeprefix("gliofit: warning: ") for line in err.splitlines() if "warning" in line]
        expected: list[InputWarning] = []
        grid = Grid(labels.shape, SCENE.affine)
        check_tissue(Tissue.from_labels(Volume(labels, grid)), tissue, expected)
        check_segmentation(translate_labels(TWO_FOCI[:40], "brats2021"), grid, "brats2021", seg, expected, labels > 0)
        assert said == [str(warning) for warning in expected]
        assert {warning.code for warning in expected} == {"tissue-order", "brain-cut", "tumour-cut", "several-foci"}

    @pytest.mark.parametrize("command", ["plan", "fit", "predictgbm", "follow-up"])
    def test_tissue_as_tumour_is_refused(self, scene: Path, run: Run, command: str) -> None:
        out, tissue = scene / "out", scene / "tissue.nii.gz"
        arguments = {
            "plan": plan(scene, out, seg=tissue, labels="brats2023"),
            "fit": fit(scene, out, seg=tissue, labels="brats2023"),
            "predictgbm": ["predictgbm", SCENE.save_for_predictgbm(scene / "in", SCENE.tissue()).parent, out],
            "follow-up": plan(scene, out, recurrence=tissue, recurrence_labels="brats2023"),
        }
        assert refused(run, *arguments[command])["code"] == "tissue-as-tumour"
        assert not out.exists()

    def test_solve_warns_of_tissue_in_another_order(self, scene: Path, run: Run) -> None:
        save(scene / "spm.nii.gz", relabelled(SCENE.tissue(), {2: 1, 3: 2, 1: 3}))
        result, _ = accepted(
            run, "solve", "--tissue", scene / "spm.nii.gz", "--seed", 37, 23, 28, "--mu-d", 2, "--mu-rho", 1,
            "--backend", "numba", "--out", scene / "x.nii.gz",
        )  # fmt: skip
        assert "tissue-order" in {warning["code"] for warning in result["warnings"]}


@pytest.fixture(scope="module")
def checked(
    add_case: Case, patient: PatientFiles, atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """Codes that ``gliofit check`` gives for cases of one folder, made from the good one."""
    root = tmp_path_factory.mktemp("anatomy")
    good = read_volume(patient.seg, np.uint8)
    t1 = read_volume(patient.t1, np.float32).data
    values = good.data
    pediatric = relabelled(values, {4: 1, 2: 2, 1: 3})
    tissue = np.select([t1 > 500, t1 > 250, t1 > 0], [3, 2, 1]).astype(np.uint8)
    cases = {"order": relabelled(values, {2: 1, 1: 2, 4: 4}), "single": (values > 0).astype(np.uint8)}
    for name, seg in {"good": values, **cases}.items():
        write_volume(add_case(root, name) / f"{name}_seg.nii.gz", Volume(seg, good.grid))
    for name, seg in {"BraTS-PED-00001-000": pediatric, "BraTS-GLI-00001-000": tissue}.items():
        folder = root / name
        folder.mkdir()
        write_volume(folder / f"{name}-t1n.nii.gz", Volume(t1, good.grid))
        write_volume(folder / f"{name}-seg.nii.gz", Volume(seg, good.grid))
    cases_found = check_patients(PatientsSettings(source=root), atlas_dir)
    return {case.case: {finding.code for finding in case.findings} for case in cases_found}


class TestCheck:
    def test_each_case_has_its_finding(self, checked: dict[str, set[str]]) -> None:
        assert checked == {
            "good": set(),
            "order": {"labels-enclosure"},
            "single": {"single-label"},
            "BraTS-PED-00001-000": {"labels-not-implied"},
            "BraTS-GLI-00001-000": {"tissue-as-tumour"},
        }

    def test_register_reads_with_the_warnings_of_the_check(self, patient: PatientFiles, tmp_path: Path) -> None:
        seg = read_volume(patient.seg, np.uint8)
        swapped = relabelled(seg.data, {2: 1, 1: 2, 4: 4})
        write_volume(tmp_path / "order.nii.gz", Volume(swapped, seg.grid))
        warnings: list[InputWarning] = []
        read_patient(replace(patient, seg=tmp_path / "order.nii.gz"), warnings=warnings)
        assert [(Path(one.subject).name, one.code) for one in warnings] == [("order.nii.gz", "labels-enclosure")]
