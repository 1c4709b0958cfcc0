from __future__ import annotations

import pandas as pd
import pytest

from gliofit.core.io import read_table
from gliofit.publish.settings import PublishSettings
from gliofit.publish.tables import write_paper_table
from gliofit.report.names import METHOD_NAMES, method_name
from gliofit.report.table import load_table

SETTINGS = PublishSettings()
NAMES = ("1", "2", "3", "3-segmentation")


@pytest.fixture(scope="module")
def tables(tmp_path_factory, fakes, synthetic_dir, patients_dir):
    out = tmp_path_factory.mktemp("tables")
    fakes.write_tables(synthetic_dir, patients_dir, out)
    return out


def panels_of(folder, name):
    """Cells of the panels of a table by title."""
    return {part.title: part.grid() for part in load_table(folder / f"{name}.json").parts}


def first_panel(folder, name):
    return next(iter(panels_of(folder, name).values()))


def line_of(grid, method, kind="this run", remark=""):
    """Cells of one line by heading."""
    start = next(i for i, row in enumerate(grid.rows) if row[0].text == method_name(method) + remark)
    row = next(row for row in grid.rows[start:] if row[1].text == kind)
    return dict(zip(grid.headings, row, strict=True))


def texts_of(line):
    return [cell.text for cell in line.values()]


def test_all_formats_are_written(tables):
    assert sorted(path.name for path in tables.iterdir()) == sorted(
        f"table{i}.{kind}" for i in NAMES for kind in ("json", "csv", "md", "tex", "html")
    )


def test_csv_contains_numbers_of_run_and_paper(fakes, tables, synthetic_dir):
    csv = pd.read_csv(tables / "table2.csv").set_index("method")
    assert list(csv.index) == [*fakes.SCALES]
    metrics = read_table(synthetic_dir / "metrics.parquet")
    rows, row = metrics[metrics["method"] == "direct"], csv.loc["direct"]
    assert row["mse_volume_mean"] == pytest.approx(rows["mse_volume"].mean())
    assert row["mse_volume_median"] == pytest.approx(rows["mse_volume"].median())
    assert row["mse_crop_standard_error"] == pytest.approx(rows["mse_crop"].sem())
    assert row[["paper_mse_volume_mean", "paper_n"]].tolist() == [4.81e-3, 500]
    for table in (csv, pd.read_csv(tables / "table1.csv").set_index("method")):
        assert (table.loc["direct", ["data_integrator", "final_integrator"]] == "accurate").all()
    assert "data_integrator" not in pd.read_csv(tables / "table3.csv")
    assert csv.loc["gradient-surrogate", ["mse_volume_n", "n_cases", "n_failed"]].tolist() == [5, 6, 1]
    assert csv.loc["oracle", "role"] == "oracle"


def test_table2_marks_the_best_methods(tables):
    panels = panels_of(tables, "table2")
    grid, mse = panels["(a) Whole volume"], "MSE ↓ (×10⁻³)"
    best = line_of(grid, "gauss-newton")[mse]
    assert best.emphasis == "best"
    assert "·10⁻" in best.text
    assert line_of(grid, "cmaes-solver")[mse].emphasis == "second"
    assert line_of(grid, "oracle")[mse].emphasis is None
    paper = line_of(grid, "direct", "paper")
    assert (paper[mse].text, paper[mse].marks, paper["n"].text) == ("4.81 ± 0.20", "*", "500")
    assert line_of(grid, "cmaes-solver", "paper")[mse].value == pytest.approx(0.34)
    assert texts_of(line_of(grid, "gradient-surrogate"))[2:4] == ["5", "1"]
    assert sum("Whole volume" in title for title in panels) == 2


def labels_of(grid):
    return [row[0].text for row in grid.rows if row[1].text in ("this run", "paper") and row[0].text]


def test_patient_tables_select_methods_by_observation(fakes, tables):
    grid = first_panel(tables, "table3")
    marked = ["LMI (observes the segmentation)", "GliODIL (observes the segmentation)"]
    others = ["direct", "gradient-surrogate", "gradient-surrogate-com", "hybrid", "hybrid-com", "gauss-newton"]
    assert labels_of(grid) == ["CMA-ES on solver (reference)", *marked, *(METHOD_NAMES[m] for m in others)]
    paper = line_of(grid, "lmi", "paper", " (observes the segmentation)")
    assert paper["Dice, whole ≥ 0.33 ↑ (×10⁻²)"].text == "42.0 ± 2.0"
    assert labels_of(first_panel(tables, "table3-segmentation")) == [
        "CMA-ES on solver (reference)", "LMI", "GliODIL", "Hybrid (COM fixed) (observes the reference)",
        "Gauss-Newton on solver (segmentation)", "Static field",
    ]  # fmt: skip
    csv = pd.read_csv(tables / "table3-segmentation.csv").set_index("method")
    assert set(csv.index[csv["role"] != "paper only"]) == {*fakes.SEGMENTATION}


def test_segmentation_table_contains_dice_distance_and_agreement(tables, patients_dir):
    grid, dice = first_panel(tables, "table3-segmentation"), "Dice, whole ≥ 0.33 ↑ (×10⁻²)"
    for name, value in {"lmi": "42.0 ± 2.0", "gliodil": "61.0 ± 2.0"}.items():
        line = line_of(grid, name, "paper")
        assert [line[c].text for c in (dice, "HD95, whole ≥ 0.33 ↓ (mm)")] == [value, "–"]
    assert line_of(grid, "hybrid-com", "paper", " (observes the reference)")[dice].text == "59.0 ± 1.0"
    field = line_of(grid, "static-field")
    assert field["at threshold (median)"].text == "0.25"
    assert field["NCC with CMA-ES on solver"].text == "0.900 ± 0.000"
    assert field["NCC with Static field"].text == field["MSE from Static field (×10⁻³)"].text == "–"
    reference = line_of(grid, "cmaes-solver", remark=" (reference)")
    assert reference["NCC with CMA-ES on solver"].text == "–"
    assert reference["NCC with Static field"].text == "0.900 ± 0.000"

    csv = pd.read_csv(tables / "table3-segmentation.csv").set_index("method")
    agreement = read_table(patients_dir / "agreement.parquet")
    part = agreement[(agreement["method"] == "gliodil") & (agreement["reference"] == "static-field")]
    assert csv.loc["gliodil", "mse_volume_vs_static-field_mean"] == pytest.approx(part["mse_volume"].mean())
    metrics = read_table(patients_dir / "metrics.parquet")
    expected = metrics.loc[metrics["method"] == "lmi", "hd95_whole_033_mm"].mean()
    assert csv.loc["lmi", "hd95_whole_033_mm_mean"] == pytest.approx(expected)


def test_marks_of_tests_are_in_the_table_of_the_observation(fakes, tmp_path):
    folder = fakes.make_cohort(tmp_path / "many", "patients", fakes.PATIENT_SCALES, 40)
    write_paper_table("table3", folder, tmp_path, SETTINGS)
    write_paper_table("table3-segmentation", folder, tmp_path, SETTINGS)
    # LMI is worse than both tested references, but is tested only among methods with its observation.
    grid, other = first_panel(tmp_path, "table3"), first_panel(tmp_path, "table3-segmentation")
    assert {cell.marks for cell in line_of(grid, "lmi", remark=" (observes the segmentation)").values()} == {""}
    assert line_of(other, "lmi")["Dice, whole ≥ 0.33 ↑ (×10⁻²)"].marks == "*†"


def test_notes_list_excluded_patients_and_failures(fakes, tmp_path):
    failed = {(i, m) for i in range(6) for m in ("lmi", "gliodil", "direct")}
    left_out = {"patient-x": "the registration was refused", "patient-y": "no tumour"}
    folder = fakes.make_cohort(tmp_path / "p", "patients", fakes.PATIENT_SCALES, 6, failed=failed, left_out=left_out)
    write_paper_table("table3-segmentation", folder, tmp_path, SETTINGS)
    markdown = (tmp_path / "table3-segmentation.md").read_text()
    assert all(case in markdown and reason in markdown for case, reason in left_out.items())
    # Only ten of the twelve failures are listed, and only of methods of this table.
    note = next(line for line in markdown.splitlines() if "(diverged)" in line)
    assert note.count("(diverged)") == 10
    assert "Direct inverse" not in note


def test_marks_follow_the_corrected_tests(fakes, tmp_path):
    folder = fakes.make_cohort(tmp_path / "many", "synthetic", fakes.SCALES, 40)
    fakes.write_tables(folder, None, tmp_path)
    grid, mse = first_panel(tmp_path, "table2"), "MSE ↓ (×10⁻³)"
    assert line_of(grid, "direct")[mse].marks == "*†"
    assert line_of(grid, "hybrid")[mse].marks == ""
