"""Methods whose estimate is a concentration: who writes it, and who reads it."""

from __future__ import annotations

import re

from .conftest import Snakemake


def test_a_field_goes_from_the_inversion_to_the_final_run(snakemake: Snakemake) -> None:
    methods = 'invert={"methods": {"static-field": {"inverter": "static-field"}, "gliodil": {"inverter": "gliodil"}}}'
    result = snakemake("forward_all", "--dry-run", "--config", methods, 'cohorts=["synthetic"]')
    assert result.returncode == 0, result.stdout
    fields = re.findall(r"^rule invert_field:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    others = re.findall(r"^rule invert_case:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    assert len(fields) == len(others) > 0
    assert all("static-field/concentration.nii.gz" in text for text in fields)
    assert not any("concentration.nii.gz" in text.split("output:")[1].split("log:")[0] for text in others)
    runs = re.findall(r"^rule run_forward:\n(?:    .*\n)+", result.stdout, flags=re.MULTILINE)
    reading = [text for text in runs if re.search(r"input: .*invert/\S+/static-field/concentration\.nii\.gz", text)]
    assert len(reading) == len(fields)
