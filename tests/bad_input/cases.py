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


CASE_KINDS = [
    CaseKind("no segmentation", "bad_seg.nii.gz", without("seg")),
    CaseKind("no T1 image at all", "bad_t1.nii.gz", without("t1", "t1ce")),
    CaseKind("an image in two forms", "bad_seg.nii and bad_seg.nii.gz", folder(_two_forms)),
    CaseKind("a case twice", "case bad", folder(_twice)),
    CaseKind("cases that differ in capitals only", "Bad", folder(_capitals)),
    CaseKind("space in a case's name", "'bad case'", named("bad case")),
    CaseKind("letters with accents in a case's name", "'Müller'", named("Müller")),
    CaseKind("quotes in a case's name", "$(id)", named("bad'\"$(id)")),
    CaseKind("hyphen before a case's name", "'-rf'", named("-rf")),
    CaseKind("case's name that leads out of the folder", "'../bad'", row("../bad\tspare")),
    CaseKind("case's name that is a path", "'/bad/case'", row("/bad/case\tspare")),
    CaseKind("case's name that is two dots", "'..'", row("..\tspare")),
    CaseKind("case's name of 300 characters", "300", row(f"{'b' * 300}\tspare")),
    CaseKind("names of BraTS-PED", "BraTS-PED", pediatric(), code="labels-not-implied"),
    CaseKind("row without a name", "'case'", row("\tspare")),
    CaseKind("row that names a missing folder", "case bad", row("bad\tnowhere")),
    CaseKind(
        "row that names a missing file",
        "nowhere.nii.gz",
        row("bad\t\tnowhere.nii.gz\tspare/spare_seg.nii.gz\tbrats2021"),
    ),
    CaseKind(
        "row with a path that no file can have",
        "xxx.nii.gz",
        row(f"bad\t\t{'x' * 400}.nii.gz\tspare/spare_seg.nii.gz\tbrats2021"),
    ),
    CaseKind("row with a folder in place of a file", "spare", row("bad\t\tspare\tspare/spare_seg.nii.gz\tbrats2021")),
    CaseKind("row without label scheme", "'labels'", row("bad\t\tspare/spare_t1.nii.gz\tspare/spare_seg.nii.gz")),
    CaseKind("row with an unknown label scheme", "'brats'", row("bad\tspare\t\t\tbrats"), code="label-scheme"),
    CaseKind("row with an unknown status", "'maybe'", row("bad\tspare\t\t\t\tmaybe")),
    CaseKind("row of too many cells", "7", row("bad\tspare" + "\t" * 5)),
    CaseKind("empty table", "empty", table(""), whole=True),
    CaseKind("table without a header", "'good'", table("good\tgood\n"), whole=True),
    CaseKind("unknown column", "'foldr'", table("case\tfoldr\ngood\tgood\n"), whole=True),
    CaseKind("semicolons for tabs", "case;folder", table("case;folder\ngood;good\n"), whole=True),
    CaseKind("column twice", "twice", table("case\tfolder\tfolder\ngood\tgood\tgood\n"), whole=True),
    CaseKind("column missing", "t1 and seg", table("case\tt1\ngood\tgood/good_t1.nii.gz\n"), whole=True),
    CaseKind("table without rows", "patients.source", table("case\tfolder\n# good\tgood\n"), whole=True),
    CaseKind("binary table", "patients.tsv", table("case\tfolder\ngood\tgood\n".encode("utf-16")), whole=True),
    CaseKind(
        "quote that does not end",
        "unexpected end of data",
        table('case\tfolder\n"good\tgood\nother\tspare\n'),
        whole=True,
    ),
    CaseKind("cell of a megabyte", "field", table("case\tfolder\ngood\t" + "x" * 1_000_000 + "\n"), whole=True),
    CaseKind(
        "BIDS subject without segmentation",
        "sub-bad_dseg.nii.gz",
        bids(lambda anat: (anat / "sub-bad_dseg.nii.gz").unlink()),
    ),
    CaseKind(
        "BIDS subject without T1 image", "sub-bad_T1w.nii.gz", bids(lambda anat: (anat / "sub-bad_T1w.nii.gz").unlink())
    ),
    CaseKind(
        "BIDS subject with several T1 images",
        "run: '2'",
        bids(lambda anat: (anat / "sub-bad_run-2_T1w.nii.gz").touch()),
    ),
    CaseKind(
        "BIDS image that was not fetched",
        "sub-bad_FLAIR.nii.gz",
        bids(lambda anat: (anat / "sub-bad_FLAIR.nii.gz").symlink_to("gone")),
    ),
    CaseKind(
        "BIDS segmentation without lookup table",
        "sub-bad_dseg.tsv",
        bids(lambda anat: (anat / "sub-bad_dseg.tsv").unlink()),
    ),
    CaseKind(
        "BIDS segmentation of tissue",
        "'grey matter'",
        bids(lambda anat: (anat / "sub-bad_dseg.tsv").write_text("index\tname\n1\tgrey matter\n")),
        code="label-name-unknown",
    ),
    CaseKind(
        "BIDS label whose name can mean two parts",
        "enhancing + necrosis",
        bids(
            lambda anat: (anat / "sub-bad_dseg.tsv").write_text(
                "index\tname\n2\toedema, no enhancement\n4\ttumour core (enhancing + necrosis)\n"
            )
        ),
        code="label-name-ambiguous",
    ),
    CaseKind(
        "BIDS description that is broken",
        "BIDSVersion",
        bids(lambda anat: (anat.parents[1] / "dataset_description.json").write_text('{"Name": "x"}')),
        whole=True,
    ),
    CaseKind("folder without patients", "BraTS", _nothing, whole=True),
    CaseKind("patients that are not there", "nowhere", _not_there, whole=True),
]
