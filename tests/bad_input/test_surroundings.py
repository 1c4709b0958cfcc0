"""What lies around a run: results of earlier runs, other processes, the working folder, the environment, the output."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numba as nb
import numpy as np
import pytest

from gliofit import __version__
from gliofit.cli.checkout import call_snakemake
from gliofit.core.compiled import cached_njit
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, scratch_folder, write_json
from gliofit.core.output import (
    FIT_FILES,
    PLAN_FILES,
    check_out_folder,
    claim_folder,
    files_in,
    name_of_folder,
    output_folder,
)
from gliofit.inputs.images import read_tissue_labels
from gliofit.invert.settings import InvertSettings
from gliofit.pipeline.fit import fit_files
from gliofit.pipeline.predictgbm import run_case
from gliofit.register.affine_step import register_affine_reproducibly
from gliofit.register.check import _each
from gliofit.register.patient_files import PatientFiles
from gliofit.register.run import register_patient
from gliofit.register.settings import RegisterSettings

from .conftest import Run, accepted, plan, refused
from .dicom import make_images, write_images
from .made_up import Scene, save

SCENE = Scene((36, 43, 33), 4.0)
RUN = Path(__file__).parent / "run.yaml"

#: A fit of about a second, with and without uncertainty.
QUICK = InvertSettings.model_validate(
    {
        "methods": {
            "gn": {"inverter": "gauss-newton", "levels": [{"spacing_mm": 8, "evaluations": 4}]},
            "cma": {"inverter": "cmaes-solver", "schedule": [{"spacing_mm": 8, "evaluations": 8}]},
        }
    }
)

#: The command line in a process of its own, as the script ``gliofit`` starts it: its folder is not the working folder.
GLIOFIT = (sys.executable, "-P", "-c", "from gliofit.cli import main; main()")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tissue, segmentation and concentration of a made-up case."""
    folder = tmp_path_factory.mktemp("files")
    SCENE.save(folder)
    return folder


def solve(files: Path, out: object) -> list[object]:
    return [
        "solve", "--tissue", files / "tissue.nii.gz", "--seed", 27, 16, 20, "--mu-d", 8, "--mu-rho", 2, "--out", out,
        "--threads", 1, "--backend", "numba",
    ]  # fmt: skip


def quick_fit(files: Path, out: Path, method: str = "gn", warnings: list[InputWarning] | None = None) -> dict:
    tissue = read_tissue_labels(files / "tissue.nii.gz", warnings=[])
    return fit_files(
        tissue, method=method, out_dir=out, segmentation=files / "seg.nii.gz", label_scheme="brats2021",
        settings=QUICK, warnings=warnings,
    )  # fmt: skip


def start(*arguments: object, **keys: object) -> subprocess.CompletedProcess[str]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | keys
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*GLIOFIT, *map(str, arguments)], text=True, errors="surrogateescape", check=False, **options
    )


def error_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines on stderr but those of progress and warnings."""
    return [line for line in done.stderr.splitlines() if " elapsed" not in line and "gliofit: warning: " not in line]


def raising(error: Exception) -> Callable[..., None]:
    """A function that fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def names(folder: Path) -> set[str]:
    """Everything below a folder, as relative paths."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_plan_replaces_the_files_of_an_earlier_plan_and_keeps_those_of_the_user(
    files: Path, tmp_path: Path, run: Run
) -> None:
    out, series = tmp_path / "plan", tmp_path / "series"
    write_images(series, make_images((46, 46, 46), (4.0, 4.0, 4.0)))
    result, _ = accepted(run, *plan(files, out, margin_mm=10, dicom=series))
    assert result["files"] == [str(out / name) for name in PLAN_FILES]
    assert names(out) == set(PLAN_FILES)
    (out / "notes.txt").write_text("of the user")
    (out / "more").mkdir()
    (out / "more/plan.dcm").write_text("of the user")
    result, _ = accepted(run, *plan(files, out, margin_mm=20))
    written = set(PLAN_FILES) - {"plan.dcm"}
    assert {Path(path).name for path in result["files"]} == written
    assert names(out) == written | {"notes.txt", "more/plan.dcm"}
    assert run("verify", out)[0] == 0


def test_a_fit_without_uncertainty_removes_the_map_of_an_earlier_fit(files: Path, tmp_path: Path) -> None:
    quick_fit(files, tmp_path / "fit")
    assert names(tmp_path / "fit") == set(FIT_FILES) - {"profile.parquet"}
    quick_fit(files, tmp_path / "fit", "cma")
    assert names(tmp_path / "fit") == set(FIT_FILES) - {"profile.parquet", "uncertainty.nii.gz"}


def test_a_run_that_fails_leaves_the_earlier_results(tmp_path: Path) -> None:
    with output_folder(tmp_path / "out", ("a", "b")) as new:
        (new / "a").write_text("1")
        (new / "b").write_text("1")
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", ("a", "b")) as new:  # noqa: PT012
        (new / "a").write_text("2")
        raise RuntimeError
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a": "1", "b": "1"}
    with pytest.raises(RuntimeError), output_folder(tmp_path / "new/deep", ("a",)):
        raise RuntimeError
    assert not (tmp_path / "new").exists()


def test_files_in_folders_are_replaced_too(tmp_path: Path) -> None:
    listed = ("qc.png", "transforms/affine.mat", "transforms/warp.nii.gz")
    for content in (listed, listed[:2]):
        with output_folder(tmp_path, listed) as new:
            (new / "transforms").mkdir()
            for name in content:
                (new / name).touch()
        assert names(tmp_path) == set(content)
        assert files_in(tmp_path, listed) == [tmp_path / name for name in content]


@pytest.mark.parametrize("name", ["clinical.nii.gz", "plan.dcm"])
def test_an_input_is_never_removed(files: Path, tmp_path: Path, run: Run, name: str) -> None:
    mask = save(tmp_path / name.replace("dcm", "nii.gz"), SCENE.tissue(), SCENE.affine).rename(tmp_path / name)
    assert refused(run, *plan(files, tmp_path, brain_mask=mask))["code"] == "output-is-input"
    assert names(tmp_path) == {name}


def test_a_folder_with_the_name_of_a_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.dcm").mkdir()
    with pytest.raises(InputError) as caught:
        check_out_folder(tmp_path, PLAN_FILES)
    assert (caught.value.code, caught.value.subject) == ("output-is-folder", str(tmp_path / "plan.dcm"))


HOLDER = """
import sys, time
from pathlib import Path
from gliofit.core.io import atomic_path
from gliofit.core.output import claim_folder
with claim_folder(Path(sys.argv[1])), atomic_path(Path(sys.argv[2])) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(folder: Path, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is writing a folder and a file."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_while_the_first_is_alive_and_cleans_up_once_it_is_not(
    files: Path, tmp_path: Path, run: Run
) -> None:
    out, table = tmp_path / "out", tmp_path / "table.json"
    with holder(out, table) as first:
        before = sorted(path.name for path in tmp_path.rglob("*"))
        error = refused(run, *plan(files, out))
        assert (error["code"], error["subject"]) == ("output-in-use", str(out))
        with pytest.raises(InputError) as caught:
            write_json(table, {})
        assert (caught.value.code, caught.value.subject) == ("output-in-use", str(table))
        assert sorted(path.name for path in tmp_path.rglob("*")) == before
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert any(path.name.startswith(".tmp-") for path in out.iterdir())
        assert run(*plan(files, out))[0] == 0
        write_json(table, {})
    assert names(out) == set(PLAN_FILES) - {"plan.dcm"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "table.json"]


def test_a_file_system_without_locks_works_and_loses_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", raising(OSError(errno.ENOLCK, "No locks available")))
    other = tmp_path / ".tmp-abcdefgh-a.json"
    other.write_text("half")
    write_json(tmp_path / "a.json", {"a": 1})
    with scratch_folder(tmp_path / "a.json") as scratch:
        assert scratch.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "a.json"]


def test_a_claimed_folder_needs_no_other_place(tmp_path: Path) -> None:
    # In a container nothing but the output folder itself may be writable, not even the folder that it lies in.
    with claim_folder(tmp_path / "out") as scratch:
        assert scratch.parent == tmp_path / "out"
        with output_folder(tmp_path / "out") as new:
            assert new.parent == tmp_path / "out"
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, of files that are named as modules and say when they are run."""
    folder = tmp_path / "traps"
    folder.mkdir()
    for name in ("ants", "gliofit", "nibabel", "numpy", "random", "snakemake"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'run.txt')!r}, 'a').write(__name__)\n")
    monkeypatch.chdir(folder)
    return folder


def test_the_affine_step_runs_nothing_of_the_working_folder(traps: Path, tmp_path: Path) -> None:
    brain = Volume(SCENE.tissue().astype(np.float32), Grid(SCENE.shape, SCENE.affine))
    settings = RegisterSettings(affine_iterations=[2], affine_shrink=[4])
    found = register_affine_reproducibly(brain, brain, tmp_path / "step", settings, 1)
    assert found.affine.is_file()
    assert not (traps / "run.txt").exists()


def test_the_processes_of_the_check_run_nothing_of_the_working_folder(traps: Path) -> None:
    found = _each(str.upper, ["a", "b"], 2, lambda *_: None)  # type: ignore[arg-type, list-item]
    assert sorted(found) == ["A", "B"]  # type: ignore[type-var]
    assert not (traps / "run.txt").exists()


def test_snakemake_and_its_scripts_run_nothing_of_the_working_folder(traps: Path, tmp_path: Path) -> None:
    pytest.importorskip("snakemake")
    root = tmp_path / "root"
    (root / "profiles/default").mkdir(parents=True)
    (root / "profiles/default/profile.yaml").write_text("quiet: all\n")
    (root / "Snakefile").write_text('rule all:\n    output:\n        "out.txt",\n    script:\n        "script.py"\n')
    (root / "script.py").write_text(
        "import random, sys\nwith open(snakemake.output[0], 'w') as file:\n    file.write('\\n'.join(sys.path))\n"
    )
    assert call_snakemake(root, traps, ["--cores", "1"]) == 0
    assert str(traps) not in (traps / "out.txt").read_text().splitlines()
    assert not (traps / "run.txt").exists()


@pytest.mark.e2e
def test_jobs_of_the_workflow_run_nothing_of_the_working_folder(traps: Path, atlas_source: Path) -> None:
    pytest.importorskip("snakemake")
    atlas = f'atlas={{"source": "{atlas_source}"}}'
    done = start("run", RUN, "atlas_all", "--cores", 1, "--config", atlas)
    assert done.returncode == 0, done.stderr
    assert (traps / "results/odd/atlas/labels.nii.gz").is_file()
    assert not (traps / "run.txt").exists()


def test_an_unknown_matplotlib_backend_and_names_that_are_not_utf8_do_not_matter(files: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller"))
    folder.mkdir()
    mask = save(folder / "mask.nii.gz", (SCENE.tissue() > 0).astype(np.uint8), SCENE.affine)
    out = folder / "pl\udce4n"
    done = start(*plan(files, out, brain_mask=mask, threads=1), "--json", env=os.environ | {"MPLBACKEND": "Qt4Agg"})
    assert (done.returncode, error_lines(done)) == (0, [])
    found = json.loads(done.stdout)
    assert {Path(path) for path in found["files"]} == {out / name for name in set(PLAN_FILES) - {"plan.dcm"}}
    assert all(Path(path).is_file() for path in found["files"])
    assert read_table(out / "plan.parquet")["case"].item() == name_of_folder(out) == r"pl\xe4n"


def test_register_refuses_a_folder_that_ants_cannot_name(files: Path, tmp_path: Path) -> None:
    patient = PatientFiles("a", t1=files / "c.nii.gz", seg=files / "seg.nii.gz", labels="brats2021")
    out = tmp_path / "M\udcfcller"
    with pytest.raises(InputError) as caught:
        register_patient(patient, tmp_path / "atlas", out, RegisterSettings(), seed=1, threads=1)
    assert (caught.value.code, caught.value.subject) == ("name-not-utf8", str(out))
    assert list(tmp_path.iterdir()) == []


@contextmanager
def no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, the system has no writable folder for temporary files."""
    # Not as a fixture, because pytest itself needs such a folder between the parts of a test.
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
        patch.setattr(tempfile, "tempdir", None)
        patch.delenv("TMPDIR", raising=False)
        patch.delenv("MPLCONFIGDIR", raising=False)
        yield


def test_libraries_get_a_temporary_folder_where_the_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_temporary_folder(tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError):
            tempfile.gettempdir()
        with claim_folder(tmp_path / "out") as scratch:
            assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(scratch)
            assert Path(os.environ["MPLCONFIGDIR"]).is_relative_to(scratch)
            Path(tempfile.mkdtemp()).joinpath("file").touch()
        assert not {"TMPDIR", "MPLCONFIGDIR"} & os.environ.keys()
    assert list(tmp_path.iterdir()) == []


def test_predictgbm_needs_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SCENE.save_for_predictgbm(tmp_path / "in")
    monkeypatch.setattr(
        "gliofit.pipeline.predictgbm.fit_files", lambda *given, **keys: fit_files(*given, **keys, settings=QUICK)
    )
    with no_temporary_folder(tmp_path, monkeypatch):
        run_case(tmp_path / "in", tmp_path / "out", method="gn")
    assert names(tmp_path / "out") == {"00000.nii.gz"}


def test_kernels_are_compiled_where_numba_has_no_place_for_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_function = nb.njit

    def without_cache(*given: object, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return compile_function(*given, **options)

    monkeypatch.setattr(nb, "njit", without_cache)

    @cached_njit(error_model="numpy")
    def double(value: float) -> float:
        return 2 * value

    assert double(1.5) == 3.0


def test_a_picture_that_cannot_be_drawn_costs_no_result(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gliofit.pipeline.fit.plot_summary", raising(MemoryError("no room for\npixels")))
    warnings: list[InputWarning] = []
    row = quick_fit(files, tmp_path / "fit", warnings=warnings)
    assert names(tmp_path / "fit") == set(FIT_FILES) - {"profile.parquet", "summary.png"}
    (warning,) = (warning for warning in warnings if warning.code == "no-picture")
    assert warning.subject == str(tmp_path / "fit/summary.png")
    assert "no room for pixels" in row["message"]
    assert read_table(tmp_path / "fit/parameters.parquet")["message"].item() == row["message"]


def test_a_full_standard_output_is_one_line_and_the_result_is_kept(files: Path, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = start(*solve(files, tmp_path / "c.nii.gz"), stdout=full)
        (line,) = error_lines(done)
        assert line.startswith("gliofit: error: standard output: ")
        assert done.returncode == 1
        assert names(tmp_path) == {"c.nii.gz"}
        # The object of an error becomes a line on the other stream.
        done = start("verify", tmp_path / "nowhere", "--json", stdout=full)
        assert (done.returncode, len(error_lines(done))) == (2, 1)


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    reader, writer = os.pipe()
    os.close(reader)
    done = start("verify", tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_closed_streams_are_not_written_into_results(files: Path, tmp_path: Path) -> None:
    shell = 'exec "$@" >&- 2>&- <&-'
    command = [*GLIOFIT, *map(str, solve(files, tmp_path / "c.nii.gz"))]
    assert subprocess.run(["bash", "-c", shell, "-", *command], check=False).returncode == 0
    assert names(tmp_path) == {"c.nii.gz"}
    assert start("verify", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("error", "code", "subject"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "system-error", "gliofit verify"),
        (OSError("odd"), "system-error", "gliofit verify"),
        (PermissionError(errno.EACCES, "Permission denied", "a.nii"), "system-error", "a.nii"),
        (MemoryError(), "out-of-memory", "gliofit verify"),
    ],
)
def test_errors_of_the_system_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, error: Exception, code: str, subject: str
) -> None:
    monkeypatch.setattr("gliofit.pipeline.verify.verify", raising(error))
    found = refused(run, "verify", tmp_path)
    assert (found["code"], found["subject"]) == (code, subject)
    status, _, err = run("verify", tmp_path)
    assert (status, len(err.splitlines())) == (2, 1)


def test_an_input_that_may_not_be_read_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), claim_folder(tmp_path / "out"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "seg.nii.gz"))


def test_the_version_and_the_commit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for revision, shown in ((f"{'a' * 40}-dirty", True), ("unknown", False)):
        monkeypatch.setattr("gliofit.pipeline.revision.find_revision", lambda revision=revision: revision)
        code, said, err = run("--version")
        assert (code, err) == (0, "")
        assert said.startswith(f"gliofit {__version__} (")
        assert ("a" * 40 in said) == shown


def test_an_error_about_a_result_names_its_place_and_not_the_scratch_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, output_folder(tmp_path / "out") as new:
        raise InputError(new / "a.nii.gz", "is wrong", "change it", "some-code")
    assert (caught.value.subject, caught.value.code) == (str(tmp_path / "out/a.nii.gz"), "some-code")


def test_the_traps_work(traps: Path) -> None:
    subprocess.run([sys.executable, "-c", "import ants"], check=True)
    assert (traps / "run.txt").read_text().endswith("ants")


def test_a_plan_is_kept_without_its_picture(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr("gliofit.plan.run.draw_plans", raising(RuntimeError()))
    found, warnings = accepted(run, *plan(files, tmp_path / "plan"))
    assert names(tmp_path / "plan") == set(PLAN_FILES) - {"plan.dcm", "plan.png", "plan.pdf"}
    assert {Path(path).name for path in found["files"]} == names(tmp_path / "plan")
    assert [warning["code"] for warning in found["warnings"]] == ["no-picture"]
    assert len(warnings) == 1
    assert "plan.png" in found["plan"]["message"]
