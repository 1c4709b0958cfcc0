"""What Snakemake would do, for every configuration and every place to run; no job runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Snakemake, without_choices


def jobs(output: str) -> dict[str, int]:
    """Number of jobs by rule, from the table Snakemake prints."""
    table = output.rpartition("Job stats:")[2]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, flags=re.MULTILINE)}


def test_demo_is_the_default(snakemake: Snakemake) -> None:
    result = snakemake("--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["prepare_atlas"] == 1
    assert found["make_phantom"] == found["register_patient"] == 2
    assert found["extract_case"] == 6
    # Nine methods, and three that observe the phantoms' segmentations; a fourth of these estimates a field.
    assert found["invert_case"] == 8 * 9 + 2 * 3
    assert found["invert_field"] == 2
    # All of these, the candidates that hybrids did not choose, and the oracle where the truth is known.
    assert found["run_forward"] == 8 * 11 + 2 * (4 + 1) + 6
    assert found["plan_patient"] == 2
    assert found["write_case_page"] == found["write_report"] == 1
    assert found["evaluate_case"] == 8
    assert found["evaluate_cohort"] == 2
    assert found["write_table"] == 3
    # The reference method observes the segmentation, all others the reference.
    assert found["write_segmentation_table"] == 1
    assert found["draw_figure4"] == found["draw_figure7"] == 2
    # Of the synthetic cases.
    assert found["draw_figure3"] == 1
    assert found["draw_view3d"] == 2
    assert found["train_model"] == 2


@pytest.mark.parametrize(("config", "profile"), [("demo", None), ("brats", "workstation"), ("paper", "slurm")])
def test_dry_run(snakemake: Snakemake, patients: Path, config: str, profile: str | None) -> None:
    arguments = ["--dry-run", "--quiet", "rules", "--configfile", str(REPOSITORY / f"config/{config}.yaml")]
    if profile is not None:
        arguments += ["--profile", str(REPOSITORY / "profiles" / profile)]
    if config == "brats":
        arguments += ["--config", f'patients={{"source": "{patients}"}}']
    result = snakemake(*arguments)
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["register_patient"] == {"demo": 2, "brats": 2, "paper": 75}[config]
    assert ("make_phantom" in found) == (config != "brats")
    if config == "paper":
        assert found["simulate_shard"] == 140 + 5 + 3


def test_shards_take_all_cores_and_a_gpu_where_the_integrator_can_use_one(snakemake: Snakemake) -> None:
    def shards(*arguments: str) -> str:
        result = snakemake("simulate_all", "--dry-run", *arguments)
        assert result.returncode == 0, result.stdout
        return "".join(re.findall(r"^rule simulate_shard:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE))

    found = shards("--cores", "16")
    # 24 samples for training and validation, 6 in the test shard.
    assert re.findall(r"threads: (\d+)", found).count("16") == 3
    assert "threads: 6" in found
    assert "gpu=1" in found
    found = shards("--cores", "2", "--config", 'simulate={"integrator": {"name": "reference"}}')
    assert set(re.findall(r"threads: (\d+)", found)) == {"2"}
    assert "gpu=0" in found


@pytest.mark.parametrize(
    ("target", "last"),
    [("register_all", "register_patient"), ("invert_all", "invert_case"), ("evaluate_all", "evaluate_cohort")],
)
def test_targets_stop_at_their_stage(snakemake: Snakemake, target: str, last: str) -> None:
    order = ["prepare_atlas", "register_patient", "extract_case", "train_model", "invert_case", "run_forward"]
    order += ["evaluate_cohort", "write_table", "draw_figure4"]
    result = snakemake(target, "--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert last in found
    beyond = set(order[order.index(last) + 1 :])
    # Reference concentrations of patients are final runs, which other methods see.
    beyond -= {"run_forward"} if target == "invert_all" else set()
    assert not beyond & found.keys()


def test_missing_patients_stop_before_anything_starts(snakemake: Snakemake, tmp_path: Path) -> None:
    result = snakemake("--dry-run", "--config", f'patients={{"source": "{tmp_path}/nowhere"}}')
    assert result.returncode != 0
    assert "nowhere" in result.stdout
    assert "Traceback" not in result.stdout


def test_refused_and_undrawn_patients_get_no_jobs(snakemake: Snakemake, patients: Path, tmp_path: Path) -> None:
    header, used = "case\tfolder\tstatus\tmessage", f"{patients}/BraTS2021_00001\tuse\t"
    rows = [f"one\t{used}", f"two\t{used}", f"three\t{used}", "four\t\trefused\tfour_t2.nii.gz: not a readable image"]
    (tmp_path / "my cohort.tsv").write_text("\n".join([header, *rows]) + "\n")

    def registered(**settings: object) -> set[str]:
        given = json.dumps({"source": "my cohort.tsv", **settings})
        result = snakemake("register_all", "--dry-run", "--config", f"patients={given}", 'cohorts=["patients"]')
        assert result.returncode == 0, result.stdout
        return set(re.findall(r"register/patients/(\w+)/t1\.nii\.gz", result.stdout))

    assert registered() == {"one", "two", "three"}
    drawn = registered(sample=2)
    assert len(drawn) == 2
    assert drawn < {"one", "two", "three"}
    assert registered(sample=50, exclude=["two"]) == {"one", "three"}


def test_a_table_that_no_method_belongs_to_is_left_out(snakemake: Snakemake) -> None:
    methods = '{"cmaes-solver": {"inverter": "cmaes-solver"}, "gauss-newton": {"inverter": "gauss-newton"}}'
    settings = f'invert={{"patient_observation": "segmentation", "methods": {methods}}}'
    result = snakemake("tables", "figures", "--dry-run", "--config", 'cohorts=["patients"]', settings)
    assert result.returncode == 0, result.stdout
    for name in ("table3-segmentation.md", *(f"figure{number}-segmentation.pdf" for number in (3, 4, 7))):
        assert name in result.stdout
    assert not re.search(r"table3\.md|figure[347]\.png", result.stdout)


def test_networks_alone_need_no_cases(snakemake: Snakemake, tmp_path: Path) -> None:
    result = snakemake(
        "--dry-run",
        "--quiet",
        "rules",
        *without_choices(tmp_path),
        "--config",
        'simulate={"test_cases": 0}',
        'cohorts=["synthetic"]',
    )
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["train_model"] == 2
    assert found["simulate_shard"] == 3
    assert not {"register_patient", "invert_case", "evaluate_cohort", "draw_figure3"} & found.keys()


@pytest.mark.parametrize(("config", "batches"), [("robustness", 8)])
def test_studies_need_the_atlas_alone(snakemake: Snakemake, config: str, batches: int) -> None:
    arguments = ["--dry-run", "--quiet", "rules", "--configfile", str(REPOSITORY / f"config/{config}.yaml")]
    result = snakemake("study", *arguments)
    assert result.returncode == 0, result.stdout
    expected = {"prepare_atlas": 1, "study_cases": batches, "study_tables": 1, "study_figure": 1, "study": 1}
    assert jobs(result.stdout) == expected | {"total": batches + 4}
    result = snakemake(*arguments)
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["study_cases"] == batches
    assert not {"train_model", "invert_case", "evaluate_cohort", "register_patient"} & found.keys()


def test_surrogate_study(snakemake: Snakemake) -> None:
    result = snakemake(
        "assess", "study", "--dry-run", "--quiet", "rules", "--configfile", str(REPOSITORY / "config/surrogates.yaml")
    )
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["simulate_shard"] == 16 + 16 + 1 + 1
    # Eight to train on and three to test on, which are others.
    assert found["warp_atlas"] == 8 + 3
    assert found["train_model"] == 9
    assert found["assess_model"] == 8 * 4
    assert found["study_cases"] == 10
    assert found["assess_stability"] == found["assess_sensitivity"] == 1
    assert "invert_case" not in found


def test_networks_get_the_brains_they_are_to_see(snakemake: Snakemake) -> None:
    def inputs(model: str) -> str:
        target = f"results/surrogates/train/{model}/weights.safetensors"
        result = snakemake(target, "--dry-run", "--configfile", str(REPOSITORY / "config/surrogates.yaml"))
        assert result.returncode == 0, result.stdout
        block = result.stdout.partition("rule train_model:")[2]
        return re.findall(r"^    input: (.*)$", block, flags=re.MULTILINE)[0]

    atlas, every = inputs("guided-unet-atlas"), inputs("guided-unet")
    assert "train-00015.nii" in atlas
    assert "train-00016.nii" not in atlas
    assert "warped" not in atlas
    assert "train-00031.nii" in every
    assert "simulate/warped/00007/wm.nii.gz" in every


def test_generated_data_need_no_training_shards(snakemake: Snakemake) -> None:
    target = "results/surrogates-gpu/train/guided-unet/weights.safetensors"
    result = snakemake(
        target, "--dry-run", "--quiet", "rules", "--configfile", str(REPOSITORY / "config/surrogates-gpu.yaml")
    )
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert found["simulate_shard"] == 2
    assert found["warp_atlas"] == 32
