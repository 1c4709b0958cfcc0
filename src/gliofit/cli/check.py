"""``gliofit check``: check of patients' files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import machine
from gliofit.cli.options import HOW, OBSERVED, RESULT, JsonOption, complete_labels, option
from gliofit.cli.result import say
from gliofit.core.errors import InputError
from gliofit.core.output import check_out_file
from gliofit.core.progress import show_progress

EXAMPLES = (
    "gliofit check --patients /data/brats",
    "gliofit check --patients /data/brats --out cohort.tsv",
    "gliofit check --patients patients.tsv --labels brats2021 --json",
)


def check(
    patients: Annotated[Path, option(OBSERVED, "Table of patients, BraTS folders, or BIDS dataset.")],
    labels: Annotated[
        str | None, option(OBSERVED, "Label scheme, if the naming does not imply it.", autocompletion=complete_labels)
    ] = None,
    out: Annotated[
        Path | None, option(RESULT, "Table to write (.tsv or .csv): cases, files, and whether they can be used.")
    ] = None,
    cores: Annotated[int | None, option(HOW, "Cases to check in parallel.", min=1, show_default="all cores")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check patients' files and report problems by file.

    Exit code 1 if there are problems; with --out only if no case can be used.
    """
    from gliofit.register.check import check_patients, write_cohort_table
    from gliofit.register.settings import PatientsSettings

    if out is not None:
        if out.suffix not in (".tsv", ".csv"):
            raise InputError(out, "--out is not the name of a table", "use the extension .tsv or .csv")
        if out.resolve() == patients.resolve():
            raise InputError(out, "--out is the input table", "choose another name")
        check_out_file(out)
    machine.set_threads(1)  # in each process
    settings = PatientsSettings(source=patients, labels=labels)
    with show_progress("gliofit check") as progress:
        cases = check_patients(
            settings, cores=cores or machine.all_cores(), progress=lambda done, total: progress("cases", done, total)
        )
    findings = [finding for case in cases for finding in case.findings]
    lines = []
    for finding in findings:
        # Findings about the whole source have no case.
        where = [str(part) for part in (finding.case, finding.file) if str(part)]
        lines.append(" ".join(f"{': '.join(where)}: {finding.problem}; {finding.hint}".split()))
    named = [case for case in cases if case.case]
    usable = sum(case.error is None for case in named)
    table = out if named else None
    if table is not None:
        write_cohort_table(table, named)
        lines.append(f"{table}: {usable} of {len(named)} cases can be used")
        wrong = not usable
    else:
        wrong = any(finding.severity == "error" for finding in findings)
        if not wrong:
            lines.append("no other problems" if findings else "no problems found")
    content = {"cases": len(named), "usable": usable, "table": table, "findings": [asdict(one) for one in findings]}
    say(as_json, content, *lines)
    if wrong:
        raise typer.Exit(1)
