"""Damaged and made-up files: each reads to something valid, or raises the error that becomes one line."""

from __future__ import annotations

import gzip
import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_grid, read_json, read_volume, write_volume
from gliofit.core.labels import LABEL_SCHEMES, TumourLabel, translate_labels
from gliofit.pipeline.config import Config, load_config
from gliofit.register.patient_files import PatientFiles, Problem, Refused
from gliofit.register.table import CHECK_COLUMNS, COLUMNS, read_patients_table

#: Bytes of the header of a NIfTI-1 file, and where the voxels begin.
_HEADER = 352


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def image(folder: Path) -> bytes:
    """A small image, uncompressed."""
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    write_volume(folder / "image.nii", Volume(data, Grid(data.shape, np.diag([2.0, 2.0, 2.0, 1.0]))))
    return (folder / "image.nii").read_bytes()


def one_line(error: InputError) -> None:
    """An error must name its subject and a hint in one line."""
    assert error.subject
    assert error.hint
    assert len(str(error).splitlines()) == 1


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """What is within may fail, with an error of the user's input alone."""
    try:
        yield
    except InputError as error:
        one_line(error)


@given(parts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=3, max_size=3))
def test_an_error_of_any_words_is_one_line(parts: list[str]) -> None:
    assert len(str(InputError(*parts)).splitlines()) == 1


def read(path: Path) -> None:
    """Read an image whole and by its header alone: valid, or refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with refused_in_one_line():
            volume = read_volume(path)
            assert volume.data.shape == volume.grid.shape
            assert volume.data.dtype.kind in "buif"
            assert np.isfinite(volume.data).all()
            assert np.isfinite(volume.grid.affine).all()
            assert min(volume.grid.spacing_mm) > 0
        with refused_in_one_line():
            read_grid(path)


damage = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6)


def damaged(content: bytes, changes: list[tuple[int, int]], length: int) -> bytearray:
    """Some of the first bytes set to others."""
    out = bytearray(content)
    for place, value in changes:
        out[place % length] = value
    return out


@settings(max_examples=400)
@given(changes=damage)
def test_a_header_with_damaged_bytes(image: bytes, folder: Path, changes: list[tuple[int, int]]) -> None:
    path = folder / "damaged.nii"
    path.write_bytes(damaged(image, changes, _HEADER))
    read(path)


@settings(max_examples=200)
@given(changes=damage, keep=st.integers(0, 1000))
def test_a_compressed_file_with_damaged_bytes_or_without_its_end(
    image: bytes, folder: Path, changes: list[tuple[int, int]], keep: int
) -> None:
    content = gzip.compress(image, mtime=0)
    path = folder / "damaged.nii.gz"
    path.write_bytes(content)
    whole = read_volume(path)
    path.write_bytes(damaged(content, changes, len(content)))
    # Bytes of the gzip header may change without harm; of all others the checksum knows.
    with suppress(InputError):
        assert (read_volume(path).data == whole.data).all()
    read(path)
    path.write_bytes(content[: keep % len(content)])
    with pytest.raises(InputError):
        read_volume(path)


cells = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["good", "use", "refused", "brats2021", "..", "/", "image.nii", '"', "x" * 300, "a\0b"]),
)


def table_is_read_or_refused(path: Path) -> None:
    with refused_in_one_line():
        rows = read_patients_table(path)
        assert rows
        for row in rows:
            assert isinstance(row, (PatientFiles, Problem, Refused))
            if isinstance(row, Problem):
                one_line(row.error)
            if isinstance(row, PatientFiles):
                assert all(file.is_file() for file in row.paths)


@settings(max_examples=200)
@given(
    header=st.lists(st.sampled_from([*COLUMNS, *CHECK_COLUMNS]), unique=True),
    rows=st.lists(st.lists(cells), max_size=4),
)
def test_a_table_of_any_cells(image: bytes, folder: Path, header: list[str], rows: list[list[str]]) -> None:
    path = folder / "patients.tsv"
    for columns in (["case", "t1", "seg", *header], header):
        path.write_text("\n".join("\t".join(line) for line in [columns, *rows]), encoding="utf-8")
        table_is_read_or_refused(path)


@settings(max_examples=200)
@given(content=st.one_of(st.binary(max_size=200), st.text(st.characters(codec="utf-8")).map(str.encode)))
def test_a_table_of_any_bytes(folder: Path, content: bytes) -> None:
    for name in ("any.tsv", "any.csv"):
        (folder / name).write_bytes(content)
        table_is_read_or_refused(folder / name)


def paths_of(section: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the default configuration, sections included."""
    for key, value in section.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths_of(value, (*above, key))


DEFAULTS = Config().model_dump(mode="json")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["patients", "gauss-newton", "guided-unet", "accurate", "1e400", "../x"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, float):
        yield value


@settings(max_examples=400)
@example(places=[(("train", "models", "guided-unet", "recipe"), [])])
@given(places=st.lists(st.tuples(st.sampled_from(sorted(paths_of(DEFAULTS))), values), min_size=1, max_size=3))
def test_a_configuration_of_any_values(places: list[tuple[tuple[str, ...], Any]]) -> None:
    raw: dict[str, Any] = {}
    for path, value in places:
        section = raw
        for key in path[:-1]:
            section[key] = section.get(key) if isinstance(section.get(key), dict) else {}
            section = section[key]
        section[path[-1]] = value
    with refused_in_one_line():
        assert all(map(math.isfinite, numbers_in(load_config(raw).model_dump())))


shapes = hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)


@settings(max_examples=200)
@given(
    labels=st.one_of(
        hnp.arrays(np.uint8, shapes, elements=st.integers(0, 5)),
        hnp.arrays(st.sampled_from([np.uint8, np.int16, np.int64]), shapes),
    ),
    scheme=st.sampled_from([*LABEL_SCHEMES, "", "BraTS"]),
)
def test_labels_of_any_values(labels: np.ndarray, scheme: str) -> None:
    with refused_in_one_line():
        found = translate_labels(labels, scheme, "seg.nii.gz")
        assert found.shape == labels.shape
        assert set(np.unique(found)) <= set(TumourLabel)
        np.testing.assert_array_equal(found == TumourLabel.NONE, labels == 0)


@settings(max_examples=300)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        values.map(json.dumps).map(str.encode),
        st.text('{}[]":,19eE', max_size=40).map(str.encode),
    )
)
def test_json_of_any_bytes(folder: Path, content: bytes) -> None:
    path = folder / "any.json"
    path.write_bytes(content)
    with refused_in_one_line():
        assert isinstance(read_json(path), dict)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\xff"}'])
def test_json_that_breaks_the_parser(folder: Path, content: bytes) -> None:
    (folder / "broken.json").write_bytes(content)
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(folder / "broken.json")
