"""What input cannot do: run code, lead out of the results, or bring a person's name into them."""

from __future__ import annotations

import ast
import gzip
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.pipeline.config import load_config
from gliofit.register.cohort import find_cohort
from gliofit.register.naming import check_case_name
from gliofit.register.patient_files import PatientFiles
from gliofit.register.settings import PatientsSettings

from .conftest import Case, Run

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(REPOSITORY / "src/gliofit").rglob("*.py"), *(REPOSITORY / "workflow/scripts").glob("*.py")])
RULES = sorted([*(REPOSITORY / "workflow/rules").glob("*.smk"), REPOSITORY / "Snakefile"])

#: Modules that read pickle files or start shells.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pty", "commands"}

#: Functions that run text or read pickle files, by the end of their dotted name.
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput",
    "subprocess.getstatusoutput", "pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load", "yaml.full_load",
    "torch.jit.load", "torch.hub.load",
}  # fmt: skip

#: Names that may be called with their module before them only, so that the search sees which they are.
BY_MODULE, BARE = {"os", "torch", "numpy", "yaml", "pandas", "subprocess"}, {"system", "popen", "load", "read_pickle"}


def dotted(node: ast.expr) -> str:
    """The dotted name of what is called; empty for anything else."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def dangers(source: str) -> list[str]:
    """Every place of a Python source that could run what a file says."""
    found = []
    tree = ast.parse(source)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    loaders = {own.name for own in classes if "yaml.SafeLoader" in map(dotted, own.bases)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"import {alias.name}" for alias in node.names if alias.name.partition(".")[0] in MODULES]
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            found.append(f"from {node.module}")
        if isinstance(node, ast.ImportFrom) and node.module in BY_MODULE:
            found += [f"from {node.module} import {alias.name}" for alias in node.names if alias.name in BARE]
        if not isinstance(node, ast.Call):
            continue
        name, given = dotted(node.func), {item.arg: item.value for item in node.keywords}
        says = {key: isinstance(value, ast.Constant) and value.value is True for key, value in given.items()}
        if name in CALLS or says.get("shell") or says.get("allow_pickle"):
            found.append(f"{name} in line {node.lineno}")
        if name == "torch.load" and not says.get("weights_only"):
            found.append(f"torch.load in line {node.lineno}")
        if name in ("yaml.load", "yaml.load_all"):
            loader = node.args[1] if len(node.args) > 1 else given.get("Loader")
            if loader is None or dotted(loader) not in {"yaml.SafeLoader", *loaders}:
                found.append(f"{name} in line {node.lineno}")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "from os import system", "eval('1')", "exec(text)",
        "os.system('ls')", "pd.read_pickle(path)", "torch.load(path)", "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)", "subprocess.run(command, shell=True)", "yaml.load(text)",
        "yaml.load(text, yaml.Loader)", "yaml.unsafe_load(text)",
    ],
)  # fmt: skip
def test_the_search_finds(line: str) -> None:
    assert dangers(line)


@pytest.mark.parametrize(
    "line",
    ["model.eval()", "torch.load(path, weights_only=True)", "np.load(path)", "yaml.load(text, yaml.SafeLoader)",
     "re.compile(text)", "subprocess.run(command)"],
)  # fmt: skip
def test_the_search_leaves_alone(line: str) -> None:
    assert not dangers(line)


def test_nothing_in_the_package_runs_what_a_file_says() -> None:
    assert len(SOURCES) > 200
    assert {str(path): found for path in SOURCES if (found := dangers(path.read_text(encoding="utf-8")))} == {}


def test_no_rule_has_a_shell_line() -> None:
    """Names of cases and paths reach scripts as values, so that nothing in them is ever run."""
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(shell|run|shadow)\s*:|\bshell\s*\(", text, flags=re.MULTILINE), path.name


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../x", "a/b", "/etc/x", "a\\b", "-rf", "a b", "a;b", "$(id)", "`id`", "a'b", 'a"b', "a\n", "a\0b",
     "ü", "٣", "a.b", "{x}", "*", "~", "", "x" * 101],
)  # fmt: skip
def test_case_names_are_names_and_nothing_else(name: str) -> None:
    with pytest.raises(InputError):
        check_case_name(name, "patients.tsv")


@pytest.mark.parametrize("raw", [{"run": "../x"}, {"run": "/x"}, {"run": "a\n"}, {"run": ".."}])
def test_the_name_of_a_run_is_a_name_and_nothing_else(raw: dict[str, str]) -> None:
    with pytest.raises(InputError, match="'run'"):
        load_config(raw)


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "a b"])
@pytest.mark.parametrize("section", ["invert.methods", "train.models"])
def test_names_of_methods_and_networks_are_names(section: str, name: str) -> None:
    stage, key = section.split(".")
    entry = {"inverter": "gauss-newton"} if stage == "invert" else {"architecture": "guided-unet"}
    with pytest.raises(InputError):
        load_config({stage: {key: {name: entry}}})


def test_a_linked_case_is_read_and_never_written(add_case: Case, tmp_path: Path) -> None:
    """A link with a case's name in the source leads to files that are read; its name stays below the results."""
    elsewhere = add_case(tmp_path / "elsewhere", "linked")
    (tmp_path / "patients").mkdir()
    (tmp_path / "patients" / "linked").symlink_to(elsewhere)
    (tmp_path / "patients" / "..link").symlink_to(elsewhere.parent)
    before = sorted(elsewhere.iterdir())
    (found,), _ = find_cohort(PatientsSettings(source=tmp_path / "patients"), seed=1)
    assert found.case == "linked"
    assert sorted(elsewhere.iterdir()) == before


ODD = "-a b'\"ü$(touch broken)"


@pytest.fixture(scope="module")
def odd(patient: PatientFiles, atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a folder of an odd name: tissue, concentration and segmentation of a case."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / ODD).mkdir()
    shutil.copy(patient.seg, folder / ODD / "seg.nii.gz")
    grid = read_volume(patient.seg).grid
    labels = read_volume(atlas_dir / "labels.nii.gz", np.uint8).extract((-3, -3, -3), grid.shape)
    write_volume(folder / ODD / "labels.nii.gz", labels)
    tumour = (read_volume(patient.seg).data > 0) & (labels.data > 1)
    write_volume(folder / ODD / "c.nii.gz", Volume(0.5 * tumour.astype(np.float32), grid))
    return folder


def test_commands_take_paths_of_any_characters(odd: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(odd)
    tissue = f"--tissue={ODD}/labels.nii.gz"
    code, out, err = run(
        "plan", tissue, f"--seg={ODD}/seg.nii.gz", f"--concentration={ODD}/c.nii.gz", "--labels", "brats2021",
        f"--out={ODD}/plan",
    )  # fmt: skip
    assert code == 0, err
    assert f"{ODD}/plan" in out
    assert {"plan.parquet", "plan.png", "clinical.nii.gz"} <= {path.name for path in (odd / ODD / "plan").iterdir()}
    assert not (odd / "broken").exists()


def test_the_check_takes_paths_of_any_characters(
    odd: Path, add_case: Case, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(odd)
    add_case(odd / ODD, "good")
    (odd / "-patients.tsv").write_text(
        f"case\tt1\tseg\tlabels\ngood\t{ODD}/good/good_t1.nii.gz\t{ODD}/good/good_seg.nii.gz\tbrats2021\n"
    )
    code, out, err = run("check", "--patients=-patients.tsv", f"--out={ODD}/-cohort.tsv", "--cores", 1)
    assert code == 0, (out, err)
    (found,), _ = find_cohort(PatientsSettings(source=Path(ODD, "-cohort.tsv")), seed=1)
    assert found.t1.samefile(odd / ODD / "good" / "good_t1.nii.gz")


SECRETS = (b"Erika", b"Mueller", b"4711-0815", b"19501224")


def test_a_plan_says_nothing_of_the_person_in_its_inputs(
    odd: Path, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Names in headers and in the DICOM series are in no file but the structure set, and in nothing that is said."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")
    for name in ("seg", "labels", "c"):
        image = nib.load(odd / ODD / f"{name}.nii.gz")
        image.header["descrip"], image.header["db_name"] = b"Erika Mueller 19501224", b"4711-0815"
        nib.save(image, tmp_path / f"{name}.nii.gz")
    grid = read_volume(tmp_path / "seg.nii.gz").grid
    write_series(pydicom, tmp_path / "series", grid.shape, grid.affine)
    out = tmp_path / "plan"
    code, said, err = run(
        "plan", "--tissue", tmp_path / "labels.nii.gz", "--seg", tmp_path / "seg.nii.gz", "--labels", "brats2021",
        "--concentration", tmp_path / "c.nii.gz", "--dicom", tmp_path / "series", "--out", out,
    )  # fmt: skip
    assert code == 0, err
    names = {path.name for path in out.iterdir()}
    assert {"plan.dcm", "plan.parquet", "plan.csv", "plan.md", "plan.png", "clinical.nii.gz"} <= names
    everything = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "plan.dcm"}
    everything |= {name: gzip.decompress(data) for name, data in everything.items() if name.endswith(".gz")}
    everything |= {"said": (said + err + caplog.text).encode()}
    assert {name: part for name, data in everything.items() for part in SECRETS if part in data} == {}
    assert str(pydicom.dcmread(out / "plan.dcm").PatientID) == "4711-0815"


def write_series(pydicom, folder: Path, shape: tuple[int, ...], affine: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    """Axial images on a grid whose axes run to the right, anterior and superior, with a person's data in them."""
    folder.mkdir()
    spacing = affine[0, 0]
    for at in range(shape[2]):
        image = pydicom.dataset.Dataset()
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"1.2.4.{at + 1}"
        image.PatientName, image.PatientID, image.PatientBirthDate = "Mueller^Erika", "4711-0815", "19501224"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", "1.2.4", "1.2.5"
        image.Modality, image.Rows, image.Columns = "MR", shape[1], shape[0]
        image.PixelSpacing = [f"{spacing:g}", f"{spacing:g}"]
        image.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        x, y, z = affine[:3, 3] + [0, 0, at * spacing]
        image.ImagePositionPatient = [f"{-x:g}", f"{-y:g}", f"{z:g}"]
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = np.zeros((shape[1], shape[0]), np.uint16).tobytes()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        pydicom.dcmwrite(folder / f"{at:03d}.dcm", image, enforce_file_format=True)
