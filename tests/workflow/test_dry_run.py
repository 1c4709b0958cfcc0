"""What Snakemake would do, for every configuration and every place to run; no job runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gliofit.pipeline.config import read_config

from .conftest import REPOSITORY, DryRun, JobCounts, Snakemake, config_file, without_choices


def test_demo_is_the_default(job_counts: JobCounts) -> None:
    counts = job_counts()
    stages = {
        "prepare_atlas", "make_phantom", "register_patient", "report_pilot", "simulate_shard", "extract_case",
        "train_model", "invert_case", "run_forward", "map_uncertainty", "evaluate_case", "evaluate_cohort",
        "plan_patient", "write_table", "write_refinement", "draw_figure", "write_patient_page", "draw_view3d",
        "write_case_page", "write_report",
    }  # fmt: skip
    assert stages <= counts.keys()
    settings = read_config(REPOSITORY / "config/demo.yaml")
    # A job simulates all estimates of a case, so there are fewer than inversions.
    assert 0 < counts["run_forward"] < counts["invert_case"]
    assert counts["evaluate_case"] <= settings.simulate.test_cases + settings.phantoms.count
    # Tables 1 and 2, table 3 and figures 4 and 7 for what methods observe of patients, figure 3.
    assert counts["write_table"] == 2 + 2
    assert counts["draw_figure"] == 2 * 2 + 1


WITHOUT_CASES = {"register_patient", "invert_case", "evaluate_cohort", "draw_figure"}
GENERATED = "results/surrogates-gpu/train/guided-unet/weights.safetensors"


@pytest.mark.parametrize(
    ("config", "arguments", "expected", "absent"),
    [
        ("demo", ["--profile", "workstation"], {"register_patient": 2, "make_phantom": 2}, set()),
        ("brats", ["--profile", "workstation"], {"register_patient": 2}, {"make_phantom"}),
        ("paper", ["--profile", "slurm"], {"register_patient": 75, "make_phantom": 75, "simulate_shard": 148}, set()),
        # Studies need the atlas alone.
        ("robustness", [], {"study_cases": 8}, {*WITHOUT_CASES, "train_model"}),
        (
            "robustness", ["study"],
            {"prepare_atlas": 1, "study_cases": 8, "study_tables": 1, "study_figure": 1, "study": 1, "total": 12},
            set(),
        ),
        # Networks train on eight warped atlases, and are tested on three others.
        (
            "surrogates", ["assess", "study"],
            {
                "simulate_shard": 16 + 16 + 1 + 1, "warp_atlas": 8 + 3, "train_model": 9, "assess_model": 8 * 4,
                "study_cases": 10, "assess_stability": 1, "assess_sensitivity": 1,
            },
            {"invert_case"},
        ),
        # Generated data need no training shards.
        ("surrogates-gpu", [GENERATED], {"simulate_shard": 2, "warp_atlas": 32}, set()),
    ],
)  # fmt: skip
def test_configurations(
    job_counts: JobCounts, patients: Path, config: str, arguments: list[str], expected: dict[str, int], absent: set[str]
) -> None:
    if "--profile" in arguments:
        arguments = ["--profile", str(REPOSITORY / "profiles" / arguments[1])]
    source = ["--config", f'patients={{"source": "{patients}"}}'] if config == "brats" else []
    counts = job_counts(*arguments, *config_file(config), *source)
    assert expected.items() <= counts.items()
    assert not absent & counts.keys()


def test_shards_take_all_cores_and_a_gpu_where_the_integrator_can_use_one(dry_run: DryRun) -> None:
    def shards(*arguments: str) -> str:
        output = dry_run("simulate_all", *arguments)
        return "".join(re.findall(r"^rule simulate_shard:\n(?:    .*\n)+", output, flags=re.MULTILINE))

    text = shards("--cores", "16")
    # 24 samples for training and validation, 6 in the test shard.
    assert re.findall(r"threads: (\d+)", text).count("16") == 3
    assert "threads: 6" in text
    assert "gpu=1" in text
    text = shards("--cores", "2", "--config", 'simulate={"integrator": {"name": "reference"}}')
    assert set(re.findall(r"threads: (\d+)", text)) == {"2"}
    assert "gpu=0" in text


@pytest.mark.parametrize(
    ("target", "last"),
    [("register_all", "register_patient"), ("invert_all", "invert_case"), ("evaluate_all", "evaluate_cohort")],
)
def test_targets_stop_at_their_stage(job_counts: JobCounts, target: str, last: str) -> None:
    order = ["prepare_atlas", "register_patient", "extract_case", "train_model", "invert_case", "run_forward"]
    order += ["evaluate_cohort", "write_table", "draw_figure"]
    counts = job_counts(target)
    assert last in counts
    # Reference concentrations of patients are forward simulations, which other methods see.
    beyond = set(order[order.index(last) + 1 :]) - ({"run_forward"} if target == "invert_all" else set())
    assert not beyond & counts.keys()


def test_missing_patients_stop_before_anything_starts(snakemake: Snakemake, tmp_path: Path) -> None:
    result = snakemake("--dry-run", "--config", f'patients={{"source": "{tmp_path}/nowhere"}}')
    assert result.returncode != 0
    assert "nowhere" in result.stdout
    assert "Traceback" not in result.stdout


def test_refused_and_undrawn_patients_get_no_jobs(dry_run: DryRun, patients: Path, tmp_path: Path) -> None:
    header, used = "case\tfolder\tstatus\tmessage", f"{patients}/BraTS2021_00001\tuse\t"
    rows = [f"one\t{used}", f"two\t{used}", f"three\t{used}", "four\t\trefused\tfour_t2.nii.gz: not a readable image"]
    (tmp_path / "my cohort.tsv").write_text("\n".join([header, *rows]) + "\n")

    def registered(**settings: object) -> set[str]:
        source = json.dumps({"source": "my cohort.tsv", **settings})
        output = dry_run("register_all", "--config", f"patients={source}", 'cohorts=["patients"]')
        return set(re.findall(r"register/patients/(\w+)/t1\.nii\.gz", output))

    assert registered() == {"one", "two", "three"}
    drawn = registered(sample=2)
    assert len(drawn) == 2
    assert drawn < {"one", "two", "three"}
    assert registered(sample=50, exclude=["two"]) == {"one", "three"}


def test_a_table_that_no_method_belongs_to_is_left_out(dry_run: DryRun) -> None:
    methods = '{"cmaes-solver": {"inverter": "cmaes-solver"}, "gauss-newton": {"inverter": "gauss-newton"}}'
    settings = f'invert={{"patient_observation": "segmentation", "methods": {methods}}}'
    output = dry_run("tables", "figures", "--config", 'cohorts=["patients"]', settings)
    for name in ("table3-segmentation.md", *(f"figure{number}-segmentation.pdf" for number in (3, 4, 7))):
        assert name in output
    assert not re.search(r"table3\.md|figure[347]\.png", output)


def test_networks_alone_need_no_cases(job_counts: JobCounts, tmp_path: Path) -> None:
    changed = ("--config", 'simulate={"test_cases": 0}', 'cohorts=["synthetic"]')
    counts = job_counts(*without_choices(tmp_path), *changed)
    assert counts["train_model"] == 2
    assert counts["simulate_shard"] == 3
    assert not WITHOUT_CASES & counts.keys()


def test_networks_get_the_brains_they_are_to_see(dry_run: DryRun) -> None:
    def inputs(model: str) -> str:
        output = dry_run(f"results/surrogates/train/{model}/weights.safetensors", *config_file("surrogates"))
        return re.findall(r"^    input: (.*)$", output.partition("rule train_model:")[2], flags=re.MULTILINE)[0]

    atlas, every = inputs("guided-unet-atlas"), inputs("guided-unet")
    assert "train-00015.nii" in atlas
    assert "train-00016.nii" not in atlas
    assert "warped" not in atlas
    assert "train-00031.nii" in every
    assert "simulate/warped/00007/wm.nii.gz" in every
