"""Bad lists of patients: folders, names of cases, and tables. Every list has a good case too where it can have one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .conftest import Case
from .kind import Kind


@dataclass(frozen=True)
class CaseKind(Kind):
    """A bad list; ``make`` writes it into an empty folder, with the fixture ``add_case``, and returns the source.

    ``whole`` is set where the list itself cannot be read, so that no case of it can be used.
    """

    make: Callable[[Path, Case], Path]
    whole: bool = False


def folder(spoil: Callable[[Path, Case], None]) -> Callable[[Path, Case], Path]:
    """A folder tree with a good case and what ``spoil`` adds."""

    def make(root: Path, add: Case) -> Path:
        add(root, "good")
        spoil(root, add)
        return root

    return make


def without(*roles: str) -> Callable[[Path, Case], Path]:
    """A case that lacks files."""

    def spoil(root: Path, add: Case) -> None:
        below = add(root, "bad")
        for role in roles:
            (below / f"bad_{role}.nii.gz").unlink()

    return folder(spoil)


def named(case: str) -> Callable[[Path, Case], Path]:
    """A case with a name, in a folder tree."""

    def spoil(root: Path, add: Case) -> None:
        add(root / "other", case)

    return folder(spoil)


def pediatric() -> Callable[[Path, Case], Path]:
    """A case with the file names of a data set whose releases have different labels."""

    def spoil(root: Path, add: Case) -> None:
        below = add(root, "bad")
        for role, ending in (("t1", "t1n"), ("seg", "seg")):
            (below / f"bad_{role}.nii.gz").rename(below / f"BraTS-PED-00001-000-{ending}.nii.gz")
        for path in below.glob("bad_*"):
            path.unlink()

    return folder(spoil)


def row(line: str) -> Callable[[Path, Case], Path]:
    """A table with a good case and one bad row (columns case, folder, t1, seg, labels, status)."""
    return table(f"case\tfolder\tt1\tseg\tlabels\tstatus\ngood\tgood\n{line}\n")


def table(content: str | bytes) -> Callable[[Path, Case], Path]:
    """A table with this content; the folders ``good`` and ``spare`` beside it hold cases."""

    def make(root: Path, add: Case) -> Path:
        add(root, "good")
        add(root, "spare")
        path = root / "patients.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def bids(spoil: Callable[[Path], None]) -> Callable[[Path, Case], Path]:
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


def _two_forms(root: Path, add: Case) -> None:
    below = add(root, "bad")
    (below / "bad_seg.nii").write_bytes((below / "bad_seg.nii.gz").read_bytes())


def _twice(root: Path, add: Case) -> None:
    add(root / "one", "bad")
    add(root / "two", "bad")


def _capitals(root: Path, add: Case) -> None:
    add(root / "one", "Bad")
    add(root / "two", "bad")


def _nothing(root: Path, add: Case) -> Path:
    (root / "notes.txt").write_text("no images here\n")
    return root


def _not_there(root: Path, add: Case) -> Path:
    return root / "nowhere"


_NAME = (
    "...: case name '...' has characters other than letters, digits, hyphen and underscore; rename the files or name "
    "the case in a patients table, for example '...'"
)
_UNKNOWN = "...: has an unknown column '...'; ...columns are ..."

CASE_KINDS = [
    CaseKind(
        "no segmentation",
        "...: file not found (segmentation of case bad in BraTS 2021 naming); add the file, or leave the case out "
        "(patients.exclude: [bad])",
        without("seg"),
    ),
    CaseKind(
        "no T1 image at all",
        "...: file not found (native T1 image of case bad in BraTS 2021 naming); add the file or a contrast-enhanced "
        "T1, or leave the case out (patients.exclude: [bad])",
        without("t1", "t1ce"),
    ),
    CaseKind(
        "an image in two forms",
        "...: holds the seg image of case bad twice (bad_seg.nii and bad_seg.nii.gz); keep one of the two",
        folder(_two_forms),
    ),
    CaseKind("a case twice", "...: case bad is there twice (also ...); give each case its own name", folder(_twice)),
    CaseKind(
        "cases that differ in capitals only",
        "...: case bad differs from case Bad in capitals only, and some file systems take their folders for one; give "
        "one of them another name in a patients table",
        folder(_capitals),
    ),
    CaseKind("space in a case's name", _NAME, named("bad case")),
    CaseKind("letters with accents in a case's name", _NAME, named("Müller")),
    CaseKind("quotes in a case's name", _NAME, named("bad'\"$(id)")),
    CaseKind("hyphen before a case's name", _NAME, named("-rf")),
    CaseKind("case's name that leads out of the folder", _NAME, row("../bad\tspare")),
    CaseKind("case's name that is a path", _NAME, row("/bad/case\tspare")),
    CaseKind("case's name that is two dots", _NAME, row("..\tspare")),
    CaseKind(
        "case's name of 300 characters",
        "...: case name '...' has 300 characters; name the case in a patients table with 100 at most",
        row(f"{'b' * 300}\tspare"),
    ),
    CaseKind(
        "names of BraTS-PED",
        "...: the names of case BraTS-PED-00001-000 do not say what its labels mean: sets named BraTS-PED differ; name "
        "the label scheme (--labels, patients.labels or column 'labels'): brats2024-ped for pediatric tumours of 2024 "
        "and later (1 enhancing, 2 non-enhancing, 3 cyst, 4 oedema), brats2023 for those of 2023",
        pediatric(),
    ),
    CaseKind("row without a name", "...: has no case name; fill in the column 'case'", row("\tspare")),
    CaseKind(
        "row that names a missing folder",
        "...: folder of case bad not found; check the path in the patients table",
        row("bad\tnowhere"),
    ),
    CaseKind(
        "row that names a missing file",
        "...: file not found (t1 of case bad); correct the path in ...",
        row("bad\t\tnowhere.nii.gz\tspare/spare_seg.nii.gz\tbrats2021"),
    ),
    CaseKind(
        "row with a path that no file can have",
        "...: file not found (t1 of case bad); correct the path in ...",
        row(f"bad\t\t{'x' * 400}.nii.gz\tspare/spare_seg.nii.gz\tbrats2021"),
    ),
    CaseKind(
        "row with a folder in place of a file",
        "...: file not found (t1 of case bad); correct the path in ...",
        row("bad\t\tspare\tspare/spare_seg.nii.gz\tbrats2021"),
    ),
    CaseKind(
        "row without label scheme",
        "...: case bad has no label scheme, which free file names do not tell; fill in the column 'labels' with one of "
        "...",
        row("bad\t\tspare/spare_t1.nii.gz\tspare/spare_seg.nii.gz"),
    ),
    CaseKind(
        "row with an unknown label scheme",
        "...: unknown label scheme 'brats'; name one of ...",
        row("bad\tspare\t\t\tbrats"),
    ),
    CaseKind(
        "row with an unknown status", "...: unknown status 'maybe'; name one of ...", row("bad\tspare\t\t\t\tmaybe")
    ),
    CaseKind(
        "row of too many cells", "...: has 7 cells under 6 columns; remove the rest", row("bad\tspare" + "\t" * 5)
    ),
    CaseKind("empty table", "...: is empty; begin it with a line of column names: ...", table(""), whole=True),
    CaseKind("table without a header", _UNKNOWN, table("good\tgood\n"), whole=True),
    CaseKind("unknown column", _UNKNOWN, table("case\tfoldr\ngood\tgood\n"), whole=True),
    CaseKind(
        "semicolons for tabs",
        "...: has one column, '...'; separate the columns by tabs",
        table("case;folder\ngood;good\n"),
        whole=True,
    ),
    CaseKind(
        "column twice",
        "...: names a column twice; keep one of each",
        table("case\tfolder\tfolder\ngood\tgood\tgood\n"),
        whole=True,
    ),
    CaseKind(
        "column missing",
        "...: lacks needed columns; give the columns case, and folder or t1 and seg",
        table("case\tt1\ngood\tgood/good_t1.nii.gz\n"),
        whole=True,
    ),
    CaseKind(
        "table without rows",
        "...: lists no patients; add one row per case, or leave patients.source empty",
        table("case\tfolder\n# good\tgood\n"),
        whole=True,
    ),
    CaseKind(
        "binary table",
        "...: is not a text table; give a table of tab-separated text (.tsv)",
        table("case\tfolder\ngood\tgood\n".encode("utf-16")),
        whole=True,
    ),
    CaseKind(
        "quote that does not end",
        "...: is no table (unexpected end of data); give a table of tab-separated text (.tsv)",
        table('case\tfolder\n"good\tgood\nother\tspare\n'),
        whole=True,
    ),
    CaseKind(
        "cell of a megabyte",
        "...: is no table (...); give a table of tab-separated text (.tsv)",
        table("case\tfolder\ngood\t" + "x" * 1_000_000 + "\n"),
        whole=True,
    ),
    CaseKind(
        "BIDS subject without segmentation",
        "...: has no tumour segmentation of sub-bad; add sub-bad_dseg.nii.gz to anat, here or in derivatives, or leave "
        "the case out (patients.exclude: [sub-bad])",
        bids(lambda anat: (anat / "sub-bad_dseg.nii.gz").unlink()),
    ),
    CaseKind(
        "BIDS subject without T1 image",
        "...: has no T1w image of sub-bad; add sub-bad_T1w.nii.gz, skull-stripped, or leave the case out "
        "(patients.exclude: [sub-bad])",
        bids(lambda anat: (anat / "sub-bad_T1w.nii.gz").unlink()),
    ),
    CaseKind(
        "BIDS subject with several T1 images",
        "...: 2 files could be the T1w image of sub-bad (...), which differ in run; choose by patients.entities, such "
        "as {run: '2'}, or list the files in a patients table",
        bids(lambda anat: (anat / "sub-bad_run-2_T1w.nii.gz").touch()),
    ),
    CaseKind(
        "BIDS image that was not fetched",
        "...: is a link to nothing; fetch the file's content, with datalad get for example",
        bids(lambda anat: (anat / "sub-bad_FLAIR.nii.gz").symlink_to("gone")),
    ),
    CaseKind(
        "BIDS segmentation without lookup table",
        "...: nothing says what the label values of sub-bad mean; add sub-bad_dseg.tsv with the columns index and "
        "name, or state the scheme with patients.labels (...)",
        bids(lambda anat: (anat / "sub-bad_dseg.tsv").unlink()),
    ),
    CaseKind(
        "BIDS segmentation of tissue",
        "...: label 1 is 'grey matter', which gliofit does not take for a part of a tumour; state the label scheme "
        "with patients.labels, or name the tumour segmentation in a patients table",
        bids(lambda anat: (anat / "sub-bad_dseg.tsv").write_text("index\tname\n1\tgrey matter\n")),
    ),
    CaseKind(
        "BIDS label whose name can mean two parts",
        "...: label 4 is 'tumour core (enhancing + necrosis)', which can mean more than one part of a tumour; state "
        "the label scheme with patients.labels, or name each value necrotic, oedema, enhancing, non-enhancing, "
        "resection cavity",
        bids(
            lambda anat: (anat / "sub-bad_dseg.tsv").write_text(
                "index\tname\n2\toedema, no enhancement\n4\ttumour core (enhancing + necrosis)\n"
            )
        ),
    ),
    CaseKind(
        "BIDS description that is broken",
        "...: has no text 'BIDSVersion'; fill it in, as every BIDS dataset must",
        bids(lambda anat: (anat.parents[1] / "dataset_description.json").write_text('{"Name": "x"}')),
        whole=True,
    ),
    CaseKind("folder without patients", "...: holds no images in BraTS naming; name files ...", _nothing, whole=True),
    CaseKind(
        "patients that are not there",
        "...: not found; give a folder of patients, a BIDS dataset or a table (.tsv, .csv)",
        _not_there,
        whole=True,
    ),
]
