"""Files generated from settings and pinned versions: ``make generate`` writes them, a test detects stale ones.

- ``workflow/schemas/config.schema.json`` from ``gliofit.pipeline.config.Config``, for completion in editors,
- ``workflow/schemas/patients.schema.json`` and the header of ``config/patients.tsv`` from the columns that stage
  register reads,
- the tables of all keys in ``config/README.md``, between two marker lines,
- ``envs/*.yaml`` from ``constraints.txt``,
- ``workflow/report/*.rst``, captions of Snakemake's report, from ``gliofit.publish.captions``,
- ``workflow/code.json``, the digests of the code behind each stage, from the package (``tools.stage_code``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gliofit.core.io import atomic_path
from gliofit.core.labels import LABEL_SCHEMES
from gliofit.pipeline.config import Config
from gliofit.publish.captions import caption_files
from gliofit.register.table import CHECK_COLUMNS, COLUMNS, STATUSES
from tools.config_keys import describe_keys
from tools.stage_code import recorded_stages, unchecked_stages

#: Digests of the code behind each stage, below the repository's root.
CODE_FILE = "workflow/code.json"

TABLE_BEGIN, TABLE_END = "<!-- keys: made by `make generate` -->\n", "<!-- end of keys -->\n"

_INTEGRATOR = re.compile(r".*integrator\.<name: (\w+)>\.(.+)")
_METHOD = re.compile(r"invert\.methods\.<inverter: ([\w-]+)>\.(.+)")

_CORE = (
    "Jinja2", "matplotlib", "nibabel", "numba", "numpy", "pandas", "pillow", "pyarrow", "pydantic", "PyYAML",
    "scikit-image", "scipy", "threadpoolctl",
)  # fmt: skip

_NETWORKS = ("cma", "lightning-fabric", "monai", "safetensors", "torch")

#: Conda files by name, with the imports of the rules that use them.
ENVIRONMENTS = {
    "core": _CORE,
    "register": (*_CORE, "antspyx", "nilearn"),
    "torch": (*_CORE, *_NETWORKS),
    "torch_register": (*_CORE, *_NETWORKS, "antspyx"),
}


def _pins(constraints: str) -> dict[str, str]:
    """Read exact versions by lower-case name."""
    lines = (line.strip() for line in constraints.splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower(): version for name, version in pairs}


def _environment(packages: tuple[str, ...], pins: dict[str, str]) -> str:
    lines = [f"      - {name}=={pins[name.lower()]}" for name in sorted(packages, key=str.lower)]
    return "\n".join(
        [
            "# Made from constraints.txt by `make generate`; change the versions there.",
            "channels:",
            "  - conda-forge",
            "  - nodefaults",
            "dependencies:",
            "  - python=3.11",
            "  - pip",
            "  - pip:",
            *lines,
            "",
        ]
    )


#: Script that Snakemake runs in a new environment.
_POST_DEPLOY = """\
#!/usr/bin/env bash
# Install the package from the clone; its dependencies are already in the environment.
set -euo pipefail
python -m pip install --no-deps --editable .
"""


_PATIENTS_NOTE = """\
# One patient per line, cells separated by tabs; docs/register.md describes the columns. For example:
# case-one\t/data/brats/case-one
# case-two\t\t/data/two/t1.nii.gz\t\t\t\t/data/two/tumour.nii.gz\t\tbrats2023
"""


def _escaped(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _key_table(keys: Iterable[tuple[str, ...]]) -> str:
    """Return the Markdown table of keys, given as rows of ``describe_keys``."""
    rows = ["| key | values | default | description |", "| --- | --- | --- | --- |"]
    rows += [f"| `{key}` | {_escaped(kind)} | {_escaped(default)} | {_escaped(text)} |"
             for key, kind, default, text in keys]  # fmt: skip
    return "\n".join(rows) + "\n"


def _key_tables(keys: Iterable[tuple[str, ...]]) -> str:
    """Return the tables of all keys by section; keys that methods or integrators share appear once."""
    sections: dict[str, list[tuple[str, ...]]] = {"General": []}
    integrators: dict[str, dict[tuple[str, ...], None]] = {}
    methods: dict[str, list[tuple[str, ...]]] = {}
    intros: dict[str, str] = {}
    for key, *rest in keys:
        section = key.partition(".")[0]
        if match := _INTEGRATOR.fullmatch(key):
            if match[2] != "name":
                integrators.setdefault(match[1], {})[match[2], *rest] = None
        elif match := _METHOD.fullmatch(key):
            if match[2] != "inverter":
                methods.setdefault(match[1], []).append((match[2], *rest))
        elif rest[0] == "section" and section == key:
            sections[section], intros[section] = [], rest[-1]
        else:
            sections[section if section in sections else "General"].append((key, *rest))
    shared = [row for row in next(iter(methods.values())) if all(row in rows for rows in methods.values())]
    parts = []
    for section, rows in sections.items():
        parts.append(f"### {section}\n{intros.get(section, 'Return the keys outside sections.')}\n\n{_key_table(rows)}")
        if section == "invert":
            parts.append(f"### Keys of all methods\nBelow `invert.methods.<name>`:\n\n{_key_table(shared)}")
            parts += [
                f"### Method {name}\nBelow `invert.methods.<name>` with `inverter: {name}`, "
                f"besides the keys of all methods:\n\n"
                f"{_key_table(row for row in rows if row not in shared)}"
                for name, rows in methods.items()
            ]
    parts += [
        f"### Integrator {name}\nBelow every key `integrator`, with `name: {name}`:\n\n{_key_table(rows)}"
        for name, rows in integrators.items()
    ]
    return "\n".join(parts)


def _patients_schema() -> dict[str, Any]:
    """Return the schema of a row of a patients table."""
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gliofit patients table, one row",
        "description": "Empty cells count as absent. Paths are relative to the table.",
        "type": "object",
        "properties": dict.fromkeys((*COLUMNS, *CHECK_COLUMNS), text)
        | {
            "case": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
            "labels": {"enum": list(LABEL_SCHEMES)},
            "status": {"enum": list(STATUSES)},
        },
        "required": ["case"],
        "anyOf": [
            {"required": ["folder"]},
            {"required": ["t1", "seg"]},
            {"required": ["t1c", "seg"]},
            {"properties": {"status": {"const": "refused"}}, "required": ["status"]},
        ],
        "additionalProperties": False,
    }


def unchecked_versions(root: Path) -> list[str]:
    """Return a line for every stage whose code changed while its version did not.

    The author decides whether results change: a renamed variable changes only the code.
    """
    stages = unchecked_stages(json.loads((root / CODE_FILE).read_text()), root / "src/gliofit")
    return [
        f"code of stage {stage} changed: raise STAGE_VERSIONS[{stage!r}] (src/gliofit/pipeline/job.py) if results "
        "change, then run `make generate`"
        for stage in stages
    ]


def generated_files(root: Path) -> dict[Path, str]:
    """Return the content of all generated files."""
    pins = _pins((root / "constraints.txt").read_text())
    schema = Config.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gliofit configuration"} | schema
    files = {
        root / "workflow/schemas/config.schema.json": json.dumps(schema, indent=2) + "\n",
        root / "workflow/schemas/patients.schema.json": json.dumps(_patients_schema(), indent=2) + "\n",
        root / CODE_FILE: json.dumps(recorded_stages(root / "src/gliofit"), indent=2) + "\n",
        root / "config/patients.tsv": _PATIENTS_NOTE + "\t".join(COLUMNS) + "\n",
    }
    readme = root / "config/README.md"
    before, _, rest = readme.read_text().partition(TABLE_BEGIN)
    _, _, after = rest.partition(TABLE_END)
    files[readme] = f"{before}{TABLE_BEGIN}{_key_tables(describe_keys())}{TABLE_END}{after}"
    files |= {root / f"workflow/report/{name}": text for name, text in caption_files().items()}
    for name, packages in ENVIRONMENTS.items():
        files[root / f"envs/{name}.yaml"] = _environment(packages, pins)
        files[root / f"envs/{name}.post-deploy.sh"] = _POST_DEPLOY
    return files


def write_generated_files(root: Path) -> list[Path]:
    """Write missing or stale files and return them."""
    stale = [(p, text) for p, text in generated_files(root).items() if not p.is_file() or p.read_text() != text]
    for path, text in stale:
        with atomic_path(path) as temporary:
            temporary.write_text(text)
    return [path for path, _ in stale]


if __name__ == "__main__":
    repository = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    if (repository / CODE_FILE).is_file():
        for line in unchecked_versions(repository):
            print(line)
    for written in write_generated_files(repository):
        print(f"wrote {written}")
