"""Bad lists of patients: what is refused, beside what is used, and what looks odd and is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.register.check import check_patients, write_cohort_table
from gliofit.register.patients import find_cohort
from gliofit.register.settings import PatientsSettings

from .cases import CASE_KINDS, CaseKind
from .conftest import Case, Run, listing


@pytest.mark.parametrize("kind", CASE_KINDS, ids=lambda kind: kind.slug)
def test_it_is_refused_and_good_cases_are_not(kind: CaseKind, add_case: Case, atlas_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "patients"
    root.mkdir()
    source = kind.make(root, add_case)
    before = listing(tmp_path)
    with pytest.raises(InputError) as caught:
        find_cohort(PatientsSettings(source=source), seed=1)
    assert kind.is_told_by(caught.value), caught.value
    cases = check_patients(PatientsSettings(source=source), atlas_dir)
    errors = [finding for case in cases for finding in case.findings if finding.severity == "error"]
    said = [f"{finding.file}: {finding.problem}; {finding.hint}" for finding in errors]
    assert any(kind.is_said_by(line) for line in said), said
    assert listing(tmp_path) == before
    if kind.whole:
        assert [case.case for case in cases] == [""]
        return
    out = tmp_path / "cohort.tsv"
    write_cohort_table(out, [case for case in cases if case.case])
    found = find_cohort(PatientsSettings(source=out), seed=1)[0]
    assert "good" in [patient.case.removeprefix("sub-") for patient in found]


@pytest.mark.parametrize("kind", [kind for kind in CASE_KINDS if kind.whole][:3], ids=lambda kind: kind.slug)
def test_the_check_ends_with_one_line_and_no_table(kind: CaseKind, add_case: Case, tmp_path: Path, run: Run) -> None:
    root = tmp_path / "patients"
    root.mkdir()
    code, out, err = run("check", "--patients", kind.make(root, add_case), "--out", tmp_path / "cohort.tsv")
    assert (code, err) == (1, "")
    (line,) = out.splitlines()
    assert kind.is_said_by(line.removeprefix(": ")), line
    assert not (tmp_path / "cohort.tsv").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfcase\tfolder\ngood\tgood\n",
        b"case\tfolder\r\ngood\tgood\r\n",
        b"# a remark\n\ncase\tfolder\n  good \t good\n",
        b'case\tfolder\n"good"\t"good"\n',
    ],
    ids=["byte-order mark", "lines end as on Windows", "blanks and remarks", "quotes"],
)
def test_tables_as_other_programs_write_them_are_read(content: bytes, add_case: Case, tmp_path: Path) -> None:
    add_case(tmp_path, "good")
    (tmp_path / "patients.tsv").write_bytes(content)
    (found,), _ = find_cohort(PatientsSettings(source=tmp_path / "patients.tsv"), seed=1)
    assert (found.case, found.t1) == ("good", tmp_path / "good" / "good_t1.nii.gz")


def test_a_folder_that_links_to_itself_is_read_once(add_case: Case, tmp_path: Path) -> None:
    add_case(tmp_path / "patients", "good")
    (tmp_path / "patients" / "loop").symlink_to(tmp_path / "patients")
    add_case(tmp_path / "elsewhere", "linked")
    (tmp_path / "patients" / "linked").symlink_to(tmp_path / "elsewhere" / "linked")
    found, _ = find_cohort(PatientsSettings(source=tmp_path / "patients"), seed=1)
    assert [patient.case for patient in found] == ["good", "linked"]
