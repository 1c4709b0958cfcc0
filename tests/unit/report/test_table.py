from __future__ import annotations

import math

import pandas as pd
import pytest

from gliofit.core.errors import InputError
from gliofit.report.page import Page
from gliofit.report.render import csv_text, render, write_renderings
from gliofit.report.table import Column, Numbers, Table, column, load_table, rank, save_table, text_table

NAN = float("nan")


def make_table() -> Table:
    frame = pd.DataFrame(
        {
            "method.label": ["First|", "Second"], "mse": [1.5e-3, NAN], "mse_error": [1e-4, NAN],
            "mse.rank": [1.0, NAN],
            "mse.marks": ["*", ""], "paper_mse": [NAN, 2e-3], "paper_low": [NAN, NAN], "nothing": [NAN, NAN],
            "n": pd.array([5, None], "Int64"), "paper_n": [NAN, 25.0],
        }
    )  # fmt: skip
    columns = (
        Column("Method", (Numbers("method.label"),)),
        Column("n", (Numbers("n"), Numbers("paper_n")), format=",.0f"),
        Column(
            "MSE", (Numbers("mse", "mse_error", rank="mse.rank", marks="mse.marks"), Numbers("paper_mse")),
            power=-3, better="low", group="Whole volume", help="Mean & squared",
        ),
        column("nothing", "nothing"),
    )  # fmt: skip
    panel = Table("(b) More", frame, (columns[0], column("mse", "MSE", "%", factor=100)))
    return Table("Table 1. Errors", frame, columns, ("this run", "paper"), footnotes=("a *", "b"), panels=(panel,))


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.grid().rows]


def test_grid_omits_empty_columns_and_lines():
    grid = make_table().grid()
    # Columns and lines without numbers are omitted; the first line has the name of the row.
    assert grid.headings == ["Method", "Source", "n", "MSE ↓ (×10⁻³)"]
    assert texts(make_table()) == [["First|", "this run", "5", "1.50 ± 0.10"], ["Second", "paper", "25", "2.00"]]
    assert list(grid.starts) == [True, True]
    assert list(grid.groups) == [("", 3), ("Whole volume", 1)]
    best = grid.rows[0][3]
    assert (best.emphasis, best.marks, best.value) == ("best", "*", pytest.approx(1.5))
    assert [cell.faint for cell in grid.rows[1]] == [True] * 4


@pytest.mark.parametrize(
    ("low", "high", "value", "expected"),
    [(0.1, 0.3, 0.2, "20.0 [10.0, 30.0]"), (0.1, 0.3, NAN, "10.0–30.0"), (NAN, 0.3, 0.2, "20.0"), (NAN, NAN, NAN, "–")],
)
def test_intervals_and_ranges(low, high, value, expected):
    c = column("v", "v", "%", low="low", high="high", factor=100, format=".1f")
    assert c.cell({"v": value, "low": low, "high": high}).text == expected


def test_rank_ignores_missing_values_and_ties():
    assert rank(pd.Series([3.0, 1.0, NAN, 2.0]), "low").tolist() == pytest.approx([NAN, 1, NAN, 2], nan_ok=True)
    assert rank(pd.Series([3.0, 1.0, 2.0]), "high").tolist() == pytest.approx([1, NAN, 2], nan_ok=True)
    for values, better in (([1.0, 2.0], "low"), ([1.0, 1.0, 1.0], "low"), ([1.0, 2.0, 3.0], None)):
        assert all(math.isnan(place) for place in rank(pd.Series(values), better))


def test_load_table_restores_the_saved_table(tmp_path):
    table = make_table()
    save_table(tmp_path / "table.json", table)
    again = load_table(tmp_path / "table.json")
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.columns == table.columns
    for form in ("md", "tex", "html"):
        assert render(f"table.{form}", table=again, name="t") == render(f"table.{form}", table=table, name="t")


@pytest.mark.parametrize("text", ["{}", '{"title": "t"}', "[]", "no JSON"])
def test_damaged_tables_raise_an_error(tmp_path, text):
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(InputError, match=r"table\.json"):
        load_table(tmp_path / "table.json")


def test_markdown_escapes_bars_and_stars():
    lines = render("table.md", table=make_table(), name="t").splitlines()
    assert lines[:5] == [
        "# Table 1. Errors", "", "| Method | Source | n | MSE ↓ (×10⁻³) |", "| --- | --- | ---: | ---: |",
        r"| First\| | this run | 5 | **1.50 ± 0.10**\* |",
    ]  # fmt: skip
    assert lines[lines.index("## (b) More") + 2] == "| Method | MSE (%) |"
    assert lines[-2:] == [r"- a \*", "- b"]


def test_csv_of_frame_and_of_printed_columns():
    table = make_table()
    assert csv_text(table).splitlines()[0] == "mse,mse_error,paper_mse,paper_low,nothing,n,paper_n"
    lines = csv_text(table, labels=True).splitlines()
    assert lines[0] == 'Method,n,MSE (×10⁻³),"MSE (×10⁻³), standard error",nothing'
    assert lines[1] == "First|,5,1.5,0.1,"


def test_html_escapes_text_and_contains_sort_values(tmp_path):
    table = text_table(["<b>", "n"], [["<script>", "1"]])
    page = Page("<title>")
    page.table(table)
    text = page.text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    write_renderings(make_table(), tmp_path, "table", ("html",))
    text = (tmp_path / "table.html").read_text()
    assert 'data-value="1.5"><b>1.50 ± 0.10</b>*' in text
    assert '<th scope="col" title="Mean &amp; squared">MSE ↓ (×10⁻³)</th>' in text
    assert not (tmp_path / "table.json").exists()
