"""Bad lists of patients: what is refused, beside what is used, and what looks odd and is fine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.register.check import check_patients, write_cohort_table
from gliofit.register.patients import find_cohort
from gliofit.register.settings import PatientsSettings

from .conftest import Case, Run, listing
from .kind import Kind, each_kind

#: Writes a list into an empty folder, with the fixture ``add_case``, and returns the source.
Make = Callable[[Path, Case], Path]


def folder(spoil: Callable[[Path, Case], object]) -> Make:
    """A folder tree with a good case and what ``spoil`` adds."""

    def make(root: Path, add: Case) -> Path:
        add(root, "good")
        spoil(root, add)
        return root

    return make


def without(*roles: str) -> Make:
    """A case that lacks files."""

    def spoil(root: Path, add: Case) -> None:
        below = add(root, "bad")
        for role in roles:
            (below / f"bad_{role}.nii.gz").unlink()

    return folder(spoil)


def named(*paths: str) -> Make:
    """Cases in folders of a tree, by their paths."""
    return folder(lambda root, add: [add((root / path).parent, Path(path).name) for path in paths])


def row(line: str) -> Make:
    """A table with a good case and one bad row (columns case, folder, t1, seg, labels, status)."""
    return table(f"case\tfolder\tt1\tseg\tlabels\tstatus\ngood\tgood\n{line}\n")


def table(content: str | bytes) -> Make:
    """A table with this content; the folders ``good`` and ``spare`` beside it hold cases."""

    def make(root: Path, add: Case) -> Path:
        add(root, "good")
        add(root, "spare")
        path = root / "patients.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def bids(spoil: Callable[[Path], object]) -> Make:
    """A BIDS dataset of the subjects ``good`` and ``bad``; ``spoil`` gets the folder with images of the second."""

    def make(root: Path, add: Case) -> Path:
        for subject in ("good", "bad"):
            below = add(root / "source", subject)
            anat = root / f"sub-{subject}/anat"
            anat.mkdir(parents=True)
            for role, suffix in (("t1", "T1w"), ("seg", "dseg")):
                (below / f"{subject}_{role}.nii.gz").rename(anat / f"sub-{subject}_{suffix}.nii.gz")
            (anat / f"sub-{subject}_dseg.tsv").write_text("index\tname\n1\tnecrotic\n2\toedema\n4\tenhancing\n")
        shutil.rmtree(root / "source")
        spoil(root / "sub-bad/anat")
        return root

    return make


def lacking(name: str) -> Make:
    """A BIDS dataset without a file."""
    return bids(lambda anat: (anat / name).unlink())


def lookup(rows: str) -> Make:
    """A BIDS dataset with other labels."""
    return bids(lambda anat: (anat / "sub-bad_dseg.tsv").write_text(f"index\tname\n{rows}\n"))


def _two_forms(root: Path, add: Case) -> None:
    below = add(root, "bad")
    (below / "bad_seg.nii").write_bytes((below / "bad_seg.nii.gz").read_bytes())


def _pediatric(root: Path, add: Case) -> None:
    """A case with the file names of a data set whose releases have different labels."""
    below = add(root, "bad")
    for role, ending in (("t1", "t1n"), ("seg", "seg")):
        (below / f"bad_{role}.nii.gz").rename(below / f"BraTS-PED-00001-000-{ending}.nii.gz")
    for path in below.glob("bad_*"):
        path.unlink()


def _nothing(root: Path, add: Case) -> Path:
    (root / "notes.txt").write_text("no images here\n")
    return root


_SEG = "spare/spare_seg.nii.gz"
_AMBIGUOUS = "2\toedema, no enhancement\n4\ttumour core (enhancing + necrosis)"

# Lists of which a case is refused.
CASE_KINDS = [
    Kind("no segmentation", "invalid-input", "bad_seg.nii.gz", without("seg")),
    Kind("no T1 image at all", "invalid-input", "bad_t1.nii.gz", without("t1", "t1ce")),
    Kind("an image in two forms", "invalid-input", "bad_seg.nii and bad_seg.nii.gz", folder(_two_forms)),
    Kind("a case twice", "invalid-input", "case bad", named("one/bad", "two/bad")),
    Kind("cases that differ in capitals only", "invalid-input", "Bad", named("one/Bad", "two/bad")),
    Kind("space in a case's name", "invalid-input", "'bad case'", named("other/bad case")),
    Kind("letters with accents in a case's name", "invalid-input", "'Müller'", named("other/Müller")),
    Kind("quotes in a case's name", "invalid-input", "$(id)", named("other/bad'\"$(id)")),
    Kind("hyphen before a case's name", "invalid-input", "'-rf'", named("other/-rf")),
    Kind("case's name that leads out of the folder", "invalid-input", "'../bad'", row("../bad\tspare")),
    Kind("case's name that is a path", "invalid-input", "'/bad/case'", row("/bad/case\tspare")),
    Kind("case's name that is two dots", "invalid-input", "'..'", row("..\tspare")),
    Kind("case's name of 300 characters", "invalid-input", "300", row(f"{'b' * 300}\tspare")),
    Kind("names of BraTS-PED", "labels-not-implied", "BraTS-PED", folder(_pediatric)),
    Kind("row without a name", "invalid-input", "'case'", row("\tspare")),
    Kind("row that names a missing folder", "invalid-input", "case bad", row("bad\tnowhere")),
    Kind("row that names a missing file", "invalid-input", "nowhere.nii.gz",
         row(f"bad\t\tnowhere.nii.gz\t{_SEG}\tbrats2021")),
    Kind("row with a path that no file can have", "invalid-input", "xxx.nii.gz",
         row(f"bad\t\t{'x' * 400}.nii.gz\t{_SEG}\tbrats2021")),
    Kind("row with a folder in place of a file", "invalid-input", "spare", row(f"bad\t\tspare\t{_SEG}\tbrats2021")),
    Kind("row without label scheme", "invalid-input", "'labels'", row(f"bad\t\tspare/spare_t1.nii.gz\t{_SEG}")),
    Kind("row with an unknown label scheme", "label-scheme", "'brats'", row("bad\tspare\t\t\tbrats")),
    Kind("row with an unknown status", "invalid-input", "'maybe'", row("bad\tspare\t\t\t\tmaybe")),
    Kind("row of too many cells", "invalid-input", "7", row("bad\tspare" + "\t" * 5)),
    Kind("BIDS subject without segmentation", "invalid-input", "sub-bad_dseg.nii.gz", lacking("sub-bad_dseg.nii.gz")),
    Kind("BIDS subject without T1 image", "invalid-input", "sub-bad_T1w.nii.gz", lacking("sub-bad_T1w.nii.gz")),
    Kind("BIDS subject with several T1 images", "invalid-input", "run: '2'",
         bids(lambda anat: (anat / "sub-bad_run-2_T1w.nii.gz").touch())),
    Kind("BIDS image that was not fetched", "invalid-input", "sub-bad_FLAIR.nii.gz",
         bids(lambda anat: (anat / "sub-bad_FLAIR.nii.gz").symlink_to("gone"))),
    Kind("BIDS segmentation without lookup table", "invalid-input", "sub-bad_dseg.tsv", lacking("sub-bad_dseg.tsv")),
    Kind("BIDS segmentation of tissue", "label-name-unknown", "'grey matter'", lookup("1\tgrey matter")),
    Kind("BIDS label whose name can mean two parts", "label-name-ambiguous", "enhancing + necrosis",
         lookup(_AMBIGUOUS)),
]  # fmt: skip

# Lists that cannot be read, so that no case of them can be used.
LIST_KINDS = [
    Kind("empty table", "invalid-input", "empty", table("")),
    Kind("table without a header", "invalid-input", "'good'", table("good\tgood\n")),
    Kind("unknown column", "invalid-input", "'foldr'", table("case\tfoldr\ngood\tgood\n")),
    Kind("semicolons for tabs", "invalid-input", "case;folder", table("case;folder\ngood;good\n")),
    Kind("column twice", "invalid-input", "twice", table("case\tfolder\tfolder\ngood\tgood\tgood\n")),
    Kind("column missing", "invalid-input", "t1 and seg", table("case\tt1\ngood\tgood/good_t1.nii.gz\n")),
    Kind("table without rows", "invalid-input", "patients.source", table("case\tfolder\n# good\tgood\n")),
    Kind("binary table", "invalid-input", "patients.tsv", table("case\tfolder\ngood\tgood\n".encode("utf-16"))),
    Kind("quote that does not end", "invalid-input", "unexpected end of data",
         table('case\tfolder\n"good\tgood\nother\tspare\n')),
    Kind("cell of a megabyte", "invalid-input", "field", table("case\tfolder\ngood\t" + "x" * 1_000_000 + "\n")),
    Kind("BIDS description that is broken", "invalid-input", "BIDSVersion",
         bids(lambda anat: (anat.parents[1] / "dataset_description.json").write_text('{"Name": "x"}'))),
    Kind("folder without patients", "invalid-input", "BraTS", _nothing),
    Kind("patients that are not there", "invalid-input", "nowhere", lambda root, add: root / "nowhere"),
]  # fmt: skip


@each_kind([*CASE_KINDS, *LIST_KINDS])
def test_it_is_refused_and_good_cases_are_not(kind: Kind, add_case: Case, atlas_dir: Path, tmp_path: Path) -> None:
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
    if kind in LIST_KINDS:
        assert [case.case for case in cases] == [""]
        return
    out = tmp_path / "cohort.tsv"
    write_cohort_table(out, [case for case in cases if case.case])
    found = find_cohort(PatientsSettings(source=out), seed=1)[0]
    assert "good" in [patient.case.removeprefix("sub-") for patient in found]


@each_kind(LIST_KINDS[:3])
def test_the_check_ends_with_one_line_and_no_table(kind: Kind, add_case: Case, tmp_path: Path, run: Run) -> None:
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


def test_links_to_cases_and_loops_are_read_once(add_case: Case, tmp_path: Path) -> None:
    """A link leads to files that are read; the case has the name that is below the source."""
    elsewhere, patients = add_case(tmp_path / "elsewhere", "linked"), tmp_path / "patients"
    add_case(patients, "good")
    for name, aim in (("loop", patients), ("linked", elsewhere), ("..link", elsewhere.parent)):
        (patients / name).symlink_to(aim)
    before = listing(elsewhere)
    found, _ = find_cohort(PatientsSettings(source=patients), seed=1)
    assert [patient.case for patient in found] == ["good", "linked"]
    assert listing(elsewhere) == before
