from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from gliofit.core.grid import Grid
from gliofit.figures.colours import WHOLE
from gliofit.publish.settings import PublishSettings
from gliofit.publish.view3d import _BELOW, _FRONT, _LEFT_SIDE, _RIGHT_SIDE, _render, draw_view3d, surface_of

SETTINGS = PublishSettings(preferred_method="gauss-newton")


def grid_of(codes: str, spacing: float = 2.0, size: int = 40) -> Grid:
    signs = [-1 if code in "LPI" else 1 for code in codes]
    affine = np.diag([spacing * sign for sign in signs] + [1.0])
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, (size - 1) / 2)
    return Grid((size, size, size), affine)


def ball(grid: Grid, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    world = grid.voxel_to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    return np.linalg.norm(world - centre, axis=-1) < radius


@pytest.mark.parametrize(("codes", "spacing"), [("RAS", 1.0), ("LPS", 2.0), ("LAI", 4.0)])
def test_surface_encloses_its_region(codes, spacing):
    grid = grid_of(codes, spacing, round(80 / spacing))
    centre = (10.0, -6.0, 4.0)
    surface = surface_of(ball(grid, centre, 20), grid, 0.5, WHOLE, 1.0, smoothing=1.5)
    away = surface.corners.reshape(-1, 3) - centre
    assert np.linalg.norm(away, axis=1) == pytest.approx(20, abs=2.5)
    assert away.mean(axis=0) == pytest.approx([0, 0, 0], abs=1.0)
    # Volume by the divergence theorem.
    normals = np.cross(surface.corners[:, 1] - surface.corners[:, 0], surface.corners[:, 2] - surface.corners[:, 0])
    volume = (surface.corners.mean(axis=1) * normals).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.1)
    middle = surface.corners.mean(axis=1) - centre
    assert (np.einsum("ij,ij->i", middle, surface.normals) > 0.9 * np.linalg.norm(middle, axis=1)).mean() > 0.98
    assert len(surface.corners) < 3000


@pytest.mark.parametrize(
    ("direction", "across", "up"),
    [(_FRONT, -1, 3), (_LEFT_SIDE, -2, 3), (_RIGHT_SIDE, 2, 3), (_BELOW, -1, 2)],
    ids=["front", "left", "right", "below"],
)
def test_letters_name_the_sides_of_the_picture(direction, across, up):
    """A ball is drawn on the side with the letter of its direction."""
    grid = grid_of("LPS")
    axes = np.eye(3)
    for number, towards in ((across, (1.0, 0.0)), (up, (0.0, 1.0))):
        place = np.sign(number) * axes[abs(number) - 1] * 20
        surface = surface_of(ball(grid, tuple(place), 8), grid, 0.5, WHOLE, 1.0, smoothing=1.0)
        picture = _render([surface], direction, np.zeros(3), (80.0, 80.0), 1 / 60)
        rows, columns = np.nonzero(picture.sum(axis=2))
        height, width = picture.shape[:2]
        found = (columns.mean() / width - 0.5) * 80, (0.5 - rows.mean() / height) * 80
        assert found == pytest.approx(np.array(towards) * 20, abs=1.5)
        letter = direction.letters[1 if towards[0] else 3]
        assert letter == {1: "R", -1: "L", 2: "A", -2: "P", 3: "S", -3: "I"}[number]


@pytest.fixture
def roots(tmp_path, fakes):
    failed = ("lmi",)
    fakes.write_patient(tmp_path / "register", tmp_path / "forward", "patient-00001", fakes.PATIENT_SCALES, failed)
    return tmp_path / "register/patient-00001", tmp_path / "forward/patient-00001"


def test_view_shows_the_segmentation_and_the_preferred_method(tmp_path, patients_dir, roots, drawn):
    metrics = patients_dir / "patient-00001/metrics.parquet"
    for name in ("one", "two"):
        draw_view3d(roots[0], metrics, roots[1], tmp_path / name, SETTINGS)
    for kind in ("png", "pdf"):
        one, two = ((tmp_path / name / f"patient-00001.3d.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two
        assert len(one) < 1e6
    words = drawn.words(0)
    # The tumour of the fakes is on the left.
    for text in ("from the front", "from the left", "from below, as axial slices", "5 cm"):
        assert text in words
    assert any(text.endswith("Gauss-Newton on solver") for text in words)
    assert any(text.startswith("c above 0.33 (") for text in words)
    assert sum(bool(axes.images) for axes in drawn.figures[0].axes) == 6
    picture = imread(tmp_path / "one/patient-00001.3d.png")[..., :3]
    # Yellow below, none above.
    yellow = (
        (picture[..., 0] > 0.5) & (picture[..., 2] < 0.4 * picture[..., 0]) & (picture[..., 1] > 0.5 * picture[..., 0])
    )
    assert yellow[len(yellow) // 2 :].sum() > 500
    assert yellow[: len(yellow) // 2].sum() == 0
