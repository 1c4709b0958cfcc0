"""Methods whose estimate is a concentration: who writes it, and who reads it."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import Snakemake, without_choices


def test_a_field_goes_from_the_inversion_to_the_final_run(snakemake: Snakemake, tmp_path: Path) -> None:
    methods = 'invert={"methods": {"static-field": {"inverter": "static-field"}, "gliodil": {"inverter": "gliodil"}}}'
    config = without_choices(tmp_path)
    result = snakemake("forward_all", "--dry-run", *config, "--config", methods, 'cohorts=["synthetic"]')
    assert result.returncode == 0, result.stdout
    fields = re.findall(r"^rule invert_field:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    others = re.findall(r"^rule invert_case:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    assert len(fields) == len(others) > 0
    assert all("static-field/concentration.nii.gz" in text for text in fields)
    assert not any("concentration.nii.gz" in text.split("output:")[1].split("log:")[0] for text in others)
    runs = re.findall(r"^rule run_forward:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    reading = [text for text in runs if re.search(r"input: .*invert/\S+/static-field/concentration\.nii\.gz", text)]
    assert len(reading) == len(fields)


def test_what_works_in_the_atlas_gets_it_with_the_way_there(snakemake: Snakemake, tmp_path: Path) -> None:
    """Patients need the atlas' tissue and their transforms; synthetic cases live in the atlas."""
    methods = (
        'invert={"methods": {"lmi": {"inverter": "lmi"}, "a": {"inverter": "static-field"}}, '
        '"patient_observation": "segmentation"}'
    )
    model = 'train={"models": {"lmi": {"architecture": "lmi", "anatomies": "atlas", "flip_axes": []}}}'
    result = snakemake("forward_all", "--dry-run", *without_choices(tmp_path), "--config", methods, model)
    assert result.returncode == 0, result.stdout
    jobs = re.findall(r"^rule invert_field:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    inputs = [job.split("input:")[1].split("output:")[0] for job in jobs]
    patients = [text for text in inputs if "train/lmi/weights.safetensors" in text and "register/patients" in text]
    assert patients
    for text in patients:
        assert re.search(r"register/patients/[^,]+/transforms/inverse_warp\.nii\.gz", text)
        assert "demo/atlas/labels.nii.gz" in text
    others = [text for text in inputs if text not in patients]
    assert any("train/lmi/weights.safetensors" in text for text in others)
    assert not any("transforms" in text or "/atlas/" in text for text in others)
