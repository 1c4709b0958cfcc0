"""Commands of the pages are run when the site is built, and what they print and draw goes into the page.

A comment behind a block of code says what is to be done with it: ``<!-- run -->`` runs it, ``<!-- run: output -->``
also shows what it printed, and ``<!-- picture: FILE | WORDS -->`` shows a file that it wrote. Where the code is read,
comments do not show. Everything is kept in ``results/docs-cache`` under a digest of the page's commands, the
configurations and the package's code, and is only run again if one of these changes: for the tutorial that takes some
minutes on one core.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

# The programs of maintainers are not installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))
from tools.stage_code import stage_digests

_STEP = re.compile(r"^```(sh|python)\n((?:(?!```).*\n)*)```\n+<!-- run(: output)? -->$", re.MULTILINE)
_PICTURE = re.compile(r"^<!-- picture: (\S+) \| (.+) -->$", re.MULTILINE)

# What is behind the pages of the present build, by page: a change of the code meanwhile belongs to the next one.
_made: dict[str, Path] = {}


def on_files(files: Any, config: Any) -> Any:
    """Run what has to be run, and add the pictures."""
    root = Path(config.config_file_path).parent
    for file in list(files.documentation_pages()):
        if file.src_uri.endswith(".md") and _STEP.search(file.content_string):
            folder = _made[file.src_uri] = _make(root, file.src_uri, file.content_string)
            for path in sorted(folder.glob("*.png")):
                files.append(File.generated(config, _place(file.src_uri, path.name), content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put outputs and pictures in the place of the comments."""
    source = page.file.src_uri
    if source not in _made:
        return markdown
    outputs = iter(json.loads((_made[source] / "outputs.json").read_text("utf-8")))

    def shown(step: re.Match[str]) -> str:
        text = next(outputs)
        code = f"```{step[1]}\n{step[2]}```\n"
        return f"{code}\n```text\n{text}```\n" if step[3] else code

    markdown = _STEP.sub(shown, markdown)
    return _PICTURE.sub(lambda found: f"![{found[2]}]({_place(source, _name(found[1]))})", markdown)


def _place(page: str, picture: str) -> str:
    """Where a picture of a page lies on the site."""
    return f"images/{Path(page).stem}/{picture}"


def _name(path: str) -> str:
    """Name of a picture that a command wrote."""
    return path.replace("/", "-")


def _make(root: Path, page: str, text: str) -> Path:
    """Folder with a page's outputs and pictures, made if need be; two builds at once make it once."""
    steps = [(kind, code) for kind, code, _ in _STEP.findall(text)]
    pictures = [path for path, _ in _PICTURE.findall(text)]
    package = root / "src/gliofit"
    # The digests cover what stages use; the command line is beside them.
    others = [*package.glob("cli/*.py"), *package.glob("pipeline/**/*")]
    others += [*root.glob("config/*.yaml"), *root.glob("docs/*.yaml")]
    contents = [path.read_text("utf-8") for path in sorted(others) if path.is_file()]
    behind = json.dumps([steps, pictures, contents, stage_digests(package)], sort_keys=True)
    cache = root / "results/docs-cache"
    folder = cache / f"{Path(page).stem}-{hashlib.sha256(behind.encode()).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                work, made = Path(scratch) / "work", Path(scratch) / "made"
                work.mkdir()
                made.mkdir()
                for name in ("docs", "config"):
                    (work / name).symlink_to(root / name)
                outputs = [_run(kind, code, root, work) for kind, code in steps]
                (made / "outputs.json").write_text(json.dumps(outputs, indent=2), "utf-8")
                for path in pictures:
                    shutil.copyfile(work / path, made / _name(path))
                made.rename(folder)
    return folder


def _run(kind: str, code: str, root: Path, work: Path) -> str:
    """What a block prints, run in a folder of its own so that results of the clone stay as they are."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = os.environ | threads | {"PYTHONPATH": str(root / "src")}
    if kind == "python":
        return _output([sys.executable, "-c", code], work, environment, code)
    printed = ""
    for line in code.replace("\\\n", " ").splitlines():
        program, *arguments = shlex.split(line, comments=True)
        if program == "snakemake":
            command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), *arguments]
        elif program == "gliofit":
            command = [sys.executable, "-m", "gliofit.cli", *arguments]
        else:
            raise PluginError(f"a page runs '{program}', which docs/hooks/commands.py does not know")
        printed += _output(command, work, environment, line)
    return printed


def _output(command: list[str], folder: Path, environment: dict[str, str], shown: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}"
        raise PluginError(f"'{shown.strip()}' ended with exit code {done.returncode}:\n{said}")
    return done.stdout
