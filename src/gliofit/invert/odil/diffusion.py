"""div(D grad u) for D_WM = 1 mm^2/day on the cells of a space-time grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.invert.odil.settings import ReleasedSettings
from gliofit.solver.faces import face_coefficients

__all__ = ["Diffusion", "diffusion"]


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Seven-point stencil: sum over axes of after (u_{i+1} - u_i) + before (u_{i-1} - u_i).

    Parameters
    ----------
    shape
        Cells along each axis, n in total.
    centre
        Minus the sum of all coefficients, shape (n,).
    after, before
        Coefficients of the next and the previous cell along each axis, shapes (n,); zero at the ends of an axis.
    wraps
        Pairs of cells coupled by a periodic box, with their coefficients (``ReleasedSettings.periodic_box``).
    """

    shape: tuple[int, int, int]
    centre: Tensor
    after: tuple[Tensor, Tensor, Tensor]
    before: tuple[Tensor, Tensor, Tensor]
    wraps: tuple[tuple[Tensor, Tensor, Tensor, Tensor], ...] = ()

    def __call__(self, field: Tensor) -> Tensor:
        """Apply the stencil to a field, shape (time, x, y, z)."""
        return self._apply(field, self.after, self.before, transposed=False)

    def transpose(self, field: Tensor) -> Tensor:
        """Apply the transposed stencil, which is the same if ``before`` and ``after`` belong to the same faces."""
        return self._apply(field, self.before, self.after, transposed=True)

    def _apply(self, field: Tensor, after: tuple[Tensor, ...], before: tuple[Tensor, ...], transposed: bool) -> Tensor:
        flat = field.reshape(len(field), -1)
        out = flat * self.centre
        strides = (self.shape[1] * self.shape[2], self.shape[2], 1)
        for stride, forward, backward in zip(strides, after, before, strict=True):
            # The transposed stencil uses the coefficients of the source cell.
            forward = forward[stride:] if transposed else forward[:-stride]
            backward = backward[:-stride] if transposed else backward[stride:]
            out[:, :-stride].addcmul_(flat[:, stride:], forward)
            out[:, stride:].addcmul_(flat[:, :-stride], backward)
        for last, first, to_first, to_last in self.wraps:
            out[:, last] += flat[:, first] * (to_last if transposed else to_first)
            out[:, first] += flat[:, last] * (to_first if transposed else to_last)
        return out.view_as(field)


def diffusion(
    wm: NDArray[np.floating],
    gm: NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    white: float,
    grey: float,
    released: ReleasedSettings,
    dtype: torch.dtype,
    device: torch.device,
) -> Diffusion:
    """Return the stencil of a tissue, without flux out of tissue and box.

    Parameters
    ----------
    wm, gm
        Tissue fractions of the cells.
    spacing_mm
        Size of a cell.
    white, grey
        Relative diffusivities of the two tissues.
    released
        Behaviour of the released version to reproduce.
    dtype, device
        Type and device of the coefficients.
    """
    wide = [np.asarray(data, np.float64) for data in (wm, gm)]
    if released.periodic_box:
        # An additional cell gives the faces between the last cell and the first.
        wide = [np.pad(data, ((0, 1),) * 3, mode="wrap") for data in wide]
    white_faces = face_coefficients(wide[0], wide[1], np.inf)
    both_faces = face_coefficients(wide[0], wide[1], 1.0)
    faces = [white * w + grey * (b - w) for w, b in zip(white_faces, both_faces, strict=True)]
    if released.periodic_box:
        faces = [face[:-1, :-1, :-1] for face in faces]
    after = [face.copy() for face in faces]
    before = [np.roll(face, 1, axis) for axis, face in enumerate(faces)]
    if released.y_faces_for_z:
        before[2] = np.where(before[2] > 0, before[1], 0)
    if released.swapped_faces:
        after, before = before, after
    wraps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    shape = (int(wm.shape[0]), int(wm.shape[1]), int(wm.shape[2]))
    number = np.arange(wm.size).reshape(shape)
    centre = np.zeros(shape)

    def tensor(data: NDArray[np.floating]) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(data).ravel(), dtype=dtype, device=device)

    for axis in range(3):
        for data in (after[axis], before[axis]):
            data /= spacing_mm[axis] ** 2
        last, first = (number.take(end, axis).ravel() for end in (-1, 0))
        if released.periodic_box:
            centre -= after[axis] + before[axis]
            wraps.append(
                (
                    torch.as_tensor(last, device=device),
                    torch.as_tensor(first, device=device),
                    tensor(after[axis].ravel()[last]),
                    tensor(before[axis].ravel()[first]),
                )
            )
        after[axis].reshape(-1)[last] = 0
        before[axis].reshape(-1)[first] = 0
        if not released.periodic_box:
            centre -= after[axis] + before[axis]
    x, y, z = (tensor(data) for data in after)
    i, j, k = (tensor(data) for data in before)
    return Diffusion(shape, tensor(centre), (x, y, z), (i, j, k), tuple(wraps))
