"""What Snakemake would do, for every configuration and every place to run; no job runs."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from gliofit.pipeline.batches import kind_of
from gliofit.pipeline.config import read_config

from .conftest import REPOSITORY, Snakemake, without_choices


def jobs(output: str) -> Counter[str]:
    """Number of jobs by kind, from the table Snakemake prints."""
    table = output.rpartition("Job stats:")[2]
    found: Counter[str] = Counter()
    for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, flags=re.MULTILINE):
        found[kind_of(name)] += int(count)
    return found


def test_demo_is_the_default(snakemake: Snakemake) -> None:
    result = snakemake("--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    stages = {
        "prepare_atlas", "make_phantom", "register_patient", "report_pilot", "simulate_shard", "extract_case",
        "train_model", "invert_case", "run_forward", "map_uncertainty", "evaluate_case", "evaluate_cohort",
        "plan_patient", "write_table", "write_refinement", "draw_figure", "write_patient_page", "draw_view3d",
        "write_case_page", "write_report",
    }  # fmt: skip
    assert stages <= found.keys()
    settings = read_config(REPOSITORY / "config/demo.yaml")
    # A job simulates all estimates of a case, so there are fewer than inversions.
    assert 0 < found["run_forward"] < found["invert_case"]
    assert found["evaluate_case"] <= settings.simulate.test_cases + settings.phantoms.count
    # Tables 1 and 2, table 3 and figures 4 and 7 for what methods observe of patients, figure 3.
    assert found["write_table"] == 2 + 2
    assert found["draw_figure"] == 2 * 2 + 1


@pytest.mark.parametrize(("config", "profile"), [("demo", "workstation"), ("brats", "workstation"), ("paper", "slurm")])
def test_dry_run(snakemake: Snakemake, patients: Path, config: str, profile: str) -> None:
    arguments = ["--dry-run", "--quiet", "rules", "--configfile", str(REPOSITORY / f"config/{config}.yaml")]
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
    order += ["evaluate_cohort", "write_table", "draw_figure"]
    result = snakemake(target, "--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert last in found
    beyond = set(order[order.index(last) + 1 :])
    # Reference concentrations of patients are forward simulations, which other methods see.
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
    assert not {"register_patient", "invert_case", "evaluate_cohort", "draw_figure"} & found.keys()


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
