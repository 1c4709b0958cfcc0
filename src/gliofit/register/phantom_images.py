"""Simulated MRI of phantoms: tissue contrasts, tumour, bias field and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import bounding_box
from gliofit.core.tissue import Tissue
from gliofit.register.settings import PhantomSettings

#: Role -> intensities of white matter, grey matter, CSF, oedema, enhancing tumour and necrosis, relative to the white
#: matter. T1c is T1 with an enhancing rim and slightly brighter perfused tissue.
MODALITIES = {
    "t1": (1.00, 0.74, 0.32, 0.76, 0.72, 0.45),
    "t1c": (1.02, 0.79, 0.34, 0.78, 1.75, 0.48),
    "t2": (1.00, 1.35, 3.20, 2.10, 1.75, 2.50),
    "flair": (1.00, 1.25, 0.45, 2.10, 1.70, 1.15),
}
#: Intensity of white matter in the files.
_SCALE = 800.0


def paint_images(
    generator: np.random.Generator,
    tissue: Tissue,
    brain: NDArray[np.bool_],
    concentration: NDArray[np.float32],
    settings: PhantomSettings,
) -> dict[str, NDArray[np.int16]]:
    """Return T1, T1c, T2 and FLAIR by role, 0 outside the brain and at least 1 inside."""
    from scipy.ndimage import gaussian_filter

    grid = tissue.grid
    spacing = grid.isotropic_spacing_mm
    box = bounding_box(brain)
    inside = brain[box]
    wm, gm = tissue.wm[box], tissue.gm[box]
    csf = np.clip(1 - wm - gm, 0, 1)
    c = concentration[box]
    # Smooth transitions at the thresholds of the segmentation.
    whole = _step(c, settings.whole_at, 0.06)
    core = _step(c, settings.core_at, 0.06)
    necrosis = _step(c, settings.necrosis_at, 0.03)
    texture = _smooth_noise(generator, inside.shape, 2.0 / spacing)
    patchy = _smooth_noise(generator, inside.shape, 4.0 / spacing)
    images = {}
    for role, contrast in MODALITIES.items():
        jitter = 1 + 0.04 * generator.standard_normal(6)
        white, grey, fluid, oedema, rim, dead = np.array(contrast) * jitter
        image = wm * white + gm * grey + csf * fluid
        image += whole * (oedema * (1 + 0.05 * patchy) - image)
        image += core * (rim * (1 + 0.12 * patchy) - image)
        image += necrosis * (dead * (1 + 0.08 * patchy) - image)
        image *= 1 + 0.02 * texture
        image = gaussian_filter(image, 0.5 / spacing)
        image *= np.exp(settings.bias * _smooth_noise(generator, inside.shape, 45.0 / spacing))
        # Magnitude images have Rician noise, so the signal is never negative.
        real = image + settings.noise * generator.standard_normal(inside.shape)
        image = np.hypot(real, settings.noise * generator.standard_normal(inside.shape))
        out = np.zeros(grid.shape, np.int16)
        out[box] = np.where(inside, np.clip(np.rint(_SCALE * image), 1, 32767), 0).astype(np.int16)
        images[role] = out
    return images


def paint_segmentation(
    concentration: NDArray[np.float32], brain: NDArray[np.bool_], settings: PhantomSettings
) -> NDArray[np.uint8]:
    """Return BraTS 2021 labels from thresholds of the concentration: 2 oedema, 4 enhancing, 1 necrotic."""
    out = np.zeros(concentration.shape, np.uint8)
    out[concentration >= settings.whole_at] = 2
    out[concentration >= settings.core_at] = 4
    out[concentration >= settings.necrosis_at] = 1
    out[~brain] = 0
    return out


def _step(values: NDArray[np.float32], at: float, width: float) -> NDArray[np.float32]:
    """Return 0 below ``at``, 1 above, with a smooth transition of the given width."""
    x: NDArray[np.float32] = np.clip((values - at) / width + 0.5, 0, 1)
    return x * x * (3 - 2 * x)


def _smooth_noise(generator: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray[np.float32]:
    """Return a smooth random field with mean 0 and standard deviation 1, drawn on a grid suited to its smoothness."""
    from scipy.ndimage import gaussian_filter, zoom

    factor = max(1, int(sigma / 2))
    coarse = tuple(-(-n // factor) + 1 for n in shape)
    noise = generator.standard_normal(coarse).astype(np.float32)
    field: NDArray[np.float32] = gaussian_filter(noise, max(sigma / factor, 1e-3), mode="wrap")
    if factor > 1:
        field = zoom(field, factor, order=1)
    field = field[tuple(slice(0, n) for n in shape)]
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6))
