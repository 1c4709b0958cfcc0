"""A small real run in a folder with an odd name: bad cases fail in one line each, the good one is finished.

The good case's headers have a person's name in them, and its files lie under names with blanks, quotes and hyphens.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import pytest

from .conftest import ROLES, Case
from .images import IMAGE_KINDS
from .kind import Kind, each_kind

REPOSITORY = Path(__file__).resolve().parents[2]

#: What stands in the text fields of the good case's headers.
SECRET = "Erika^Mueller"

#: Kinds that stage register meets: while reading, and while looking at the brain.
KINDS = [kind for kind in IMAGE_KINDS if kind.name in ("truncated gzip", "brain upside down")]

pytestmark = pytest.mark.e2e


def plant(path: Path) -> None:
    """Write the name into every text field of a header, and into an extension."""
    image = nib.load(path)
    for field, length in (("descrip", 79), ("db_name", 17), ("aux_file", 23), ("intent_name", 15)):
        image.header[field] = SECRET.encode()[:length]
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", SECRET.encode()))
    nib.save(image, path)
    assert SECRET.encode() in gzip.decompress(path.read_bytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, add_case: Case, atlas_source: Path) -> Path:
    """Working folder in which the workflow has run with ``--keep-going``."""
    folder = tmp_path_factory.mktemp("odd") / "a b'\"ü-"
    images = folder / '-my images\' "x"'
    rows = ["case\tt1\tt1c\tt2\tflair\tseg\tlabels"]
    good = add_case(images, "good")
    for role in ROLES:
        plant(good / f"good_{role}.nii.gz")
    for kind in KINDS:
        kind.make(add_case(images, kind.slug), kind.slug)
    cases = ["good", *(kind.slug for kind in KINDS)]
    for case in cases:
        files = (f"{images.name}/{case}/{case}_{role}.nii.gz" for role in ROLES)
        rows.append("\t".join([case, *files, "brats2021"]))
    (folder / "-patients.tsv").write_text("\n".join(rows) + "\n")
    (folder / "atlas").symlink_to(atlas_source)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "2"]
    configuration = str(REPOSITORY / "tests/bad_input/run.yaml")
    command += ["--directory", str(folder), "--configfile", configuration, "--keep-going"]
    targets = [f"results/odd/publish/patients/{case}.html" for case in cases]
    done = subprocess.run(
        [*command, *targets, "--config", 'patients={"source": "-patients.tsv"}', 'atlas={"source": "atlas"}'],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
    )  # fmt: skip
    (folder / "output.txt").write_text(done.stdout)
    assert done.returncode == 1, done.stdout
    return folder


def test_the_good_case_is_finished(folder: Path) -> None:
    results = folder / "results/odd"
    output = (folder / "output.txt").read_text()
    assert (results / "publish/patients/good.html").stat().st_size > 10_000, output[-8000:]
    assert (results / "forward/patients/good/gauss-newton/concentration.nii.gz").is_file()
    assert (results / "plan/patients/good/gauss-newton/plan.parquet").is_file()


@each_kind(KINDS)
def test_a_bad_case_fails_in_one_line_and_leaves_nothing(folder: Path, kind: Kind) -> None:
    log = (folder / f"results/odd/logs/register/register_patient/{kind.slug}.log").read_text()
    lines = [line for line in log.splitlines() if line.startswith("gliofit: error: ")]
    assert len(lines) == 1, log
    assert kind.is_said_by(lines[0].removeprefix("gliofit: error: ")), log
    assert lines[0] in (folder / "output.txt").read_text()
    assert "Traceback" not in log
    written = folder / "results/odd/register/patients" / kind.slug
    assert not [path for path in written.rglob("*") if path.is_file()]


def test_no_name_of_a_person_is_in_any_result_or_log(folder: Path) -> None:
    searched = 0
    parts = [part.encode() for part in SECRET.split("^")]
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink() or path.is_relative_to(folder / '-my images\' "x"'):
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        assert not [part for part in parts if part in content], path
        searched += 1
    assert searched > 40


def test_sidecars_name_inputs_by_their_paths_alone(folder: Path) -> None:
    sidecar = json.loads((folder / "results/odd/register/patients/good/t1.nii.gz.json").read_text())
    assert sidecar["wildcards"] == {"case": "good"}
    assert '-my images\' "x"/good/good_t1.nii.gz' in [file["path"] for file in sidecar["input"]]
