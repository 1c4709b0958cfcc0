"""Trained networks in physical units, and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from gliofit.core.crop import Crop, CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid
from gliofit.core.io import DAMAGED, atomic_path, read_json, write_json
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.model import COLUMN, space_of
from gliofit.growth.space import ParameterSpace
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame, ModelKind, find_architecture
from gliofit.train.normalisation import STATISTICS, Normalisation

#: Version of the layout of ``model.json``.
_FORMAT = 2

_NAMES: dict[ModelKind, str] = {
    "surrogate": "a surrogate",
    "direct-inverse": "a direct inverse network",
    "atlas-inverse": "a network for segmentations in the atlas",
}

TissueInput = Literal["maps", "label"]


def frame_of(crop: CropSettings, tissue_input: TissueInput, normalisation: Normalisation) -> Frame:
    """Return the input of a network."""
    channels = {"maps": 3, "label": 1}[tissue_input]
    mean, std = (tuple(float(v) for v in values) for values in (normalisation.mean, normalisation.std))
    return Frame(channels, crop.size, crop.spacing_mm, mean, std)


class _Model(nn.Module):
    """Network with normalisation and cube, for physical quantities."""

    kind: ClassVar[ModelKind]
    theta_mean: Tensor
    theta_std: Tensor
    theta_low: Tensor
    theta_high: Tensor

    def __init__(
        self,
        network: nn.Module,
        normalisation: Normalisation,
        crop: CropSettings,
        tissue_input: TissueInput = "maps",
        centre_mm: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.crop, self.tissue_input, self.centre_mm = network, crop, tissue_input, centre_mm
        self.info: dict[str, Any] = {}
        self.space: ParameterSpace = SPACE
        for name in STATISTICS:
            values = torch.tensor(getattr(normalisation, name), dtype=torch.float32)
            self.register_buffer(f"theta_{name}", values, persistent=False)

    def _channels(self, tissue: Tensor) -> Tensor:
        if tissue.ndim != 5 or tissue.shape[1:] != (3, *(self.crop.size,) * 3):
            raise ValueError(
                f"tissue: has shape {tuple(tissue.shape)}; must be (batch, 3, n, n, n), n = {self.crop.size}"
            )
        return tissue if self.tissue_input == "maps" else 3 * tissue[:, :1] + 2 * tissue[:, 1:2]


_ModelT = TypeVar("_ModelT", bound=_Model)


class Surrogate(_Model):
    """Concentration from tissue and theta.

    Positions in theta are in mm from the centre of the cube (right, anterior, superior).

    Attributes
    ----------
    theta_mean, theta_std, theta_low, theta_high
        Normalisation and training range of theta, shapes (n_parameters,).
    info
        Content of ``model.json`` of a loaded model.
    """

    kind: ClassVar[ModelKind] = "surrogate"

    def forward(self, tissue: Tensor, theta: Tensor) -> Tensor:
        """Predict the concentration in [0, 1], shape (B, n, n, n), zero outside white and grey matter.

        Differentiable in theta.

        Parameters
        ----------
        tissue
            Tissue of the cube (``Crop.channels``), shape (B or 1, 3, n, n, n).
        theta
            Parameters in physical units, shape (B, n_parameters).
        """
        return self.bind(tissue)(theta)

    def bind(self, tissue: Tensor) -> Callable[[Tensor], Tensor]:
        """Return :meth:`forward` as a function of theta; features of the tissue are computed once."""
        network = cast(AbstractSurrogateNetwork, self.network)
        features = network.encode(channels_last(self._channels(tissue)))
        visible = tissue[:, 2]

        def concentration(theta: Tensor) -> Tensor:
            logits = network.decode(features, (theta - self.theta_mean) / self.theta_std)
            # At least single precision.
            return torch.sigmoid(logits.to(torch.promote_types(logits.dtype, torch.float32))) * visible

        return concentration


class DirectInverse(_Model):
    """Theta from concentration and tissue; see :class:`Surrogate` for attributes."""

    kind: ClassVar[ModelKind] = "direct-inverse"

    def forward(self, concentration: Tensor, tissue: Tensor) -> Tensor:
        """Predict theta in physical units, shape (B, n_parameters).

        Parameters
        ----------
        concentration
            Block means of the concentration on the cube about its centre of mass, shape (B, n, n, n).
        tissue
            Tissue of the cube (``Crop.channels``), shape (B or 1, 3, n, n, n).
        """
        return self.theta_mean + self.normalised(concentration, tissue) * self.theta_std

    def normalised(self, concentration: Tensor, tissue: Tensor) -> Tensor:
        """Predict normalised theta, shape (B, n_parameters)."""
        channels = self._channels(tissue).expand(concentration.shape[0], -1, -1, -1, -1)
        image = (concentration * (tissue[:, 2] > 0))[:, None]
        theta: Tensor = self.network(channels_last(torch.cat([image, channels], dim=1)))
        return theta.float()


class AtlasInverse(_Model):
    """Theta in the atlas from a segmentation on a fixed cube; see :class:`Surrogate` for attributes.

    Attributes
    ----------
    centre_mm
        Centre of the cube in world coordinates of the atlas, shape (3,); theta's origin is relative to it.
    """

    kind: ClassVar[ModelKind] = "atlas-inverse"

    def cube(self, grid: Grid) -> Crop:
        """Return the cube on a grid of the atlas whose voxel size divides the cube's."""
        assert self.centre_mm is not None
        return Crop.around(grid, self.centre_mm, self.crop)

    def forward(self, image: Tensor) -> Tensor:
        """Predict theta in physical units, shape (B, n_parameters), of :func:`segmentation_image` (B, n, n, n)."""
        return self.theta_mean + self.normalised(image) * self.theta_std

    def normalised(self, image: Tensor) -> Tensor:
        """Predict normalised theta, shape (B, n_parameters)."""
        theta: Tensor = self.network(channels_last(image[:, None]))
        return theta.float()


#: Trained networks of all kinds.
AnyModel = Surrogate | DirectInverse | AtlasInverse
MODELS: dict[ModelKind, type[AnyModel]] = {m.kind: m for m in (Surrogate, DirectInverse, AtlasInverse)}


def segmentation_image(whole: Tensor, core: Tensor) -> Tensor:
    """Encode masks of whole tumour (including core) and core, shapes (B, n, n, n): oedema 0.333, core 0.999."""
    return 0.333 * whole.float() + 0.666 * core.float()


def channels_last(x: Tensor) -> Tensor:
    """Convert a (B, C, x, y, z) tensor to contiguous channels, which is several times faster on CPUs."""
    return x.contiguous(memory_format=torch.channels_last_3d)


def to_device(model: _ModelT, device: str | torch.device) -> _ModelT:
    """Move a model to a device and convert its kernels by :func:`channels_last`."""
    model.to(device)
    for parameter in model.parameters():
        if parameter.ndim == 5:
            parameter.data = channels_last(parameter.data)
    return model


def save_model(
    folder: str | Path, model: AnyModel, description: dict[str, Any], stored: torch.dtype = torch.float32
) -> None:
    """Write ``weights.safetensors`` and ``model.json``.

    Parameters
    ----------
    description
        Additional content of ``model.json``: at least ``architecture`` and ``network``.
    stored
        Floating type of the file; weights are loaded as float32.
    """
    folder = Path(folder)
    weights = {
        name: value.detach().to("cpu", stored if value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.network.state_dict().items()
    }
    statistics = {name: getattr(model, f"theta_{name}").tolist() for name in STATISTICS}
    content = save(weights)
    with atomic_path(folder / "weights.safetensors") as temporary:
        # save_file would leave a temporary file if the process is killed.
        temporary.write_bytes(content)
    facts = {
        "format": _FORMAT, "kind": model.kind, "crop": model.crop, "tissue_input": model.tissue_input,
        **({} if model.centre_mm is None else {"centre_mm": model.centre_mm.tolist()}),
        COLUMN: model.space.model, "theta": {"names": list(model.space.relative_columns), **statistics},
        "weights_sha256": sha256(content).hexdigest(),
    }  # fmt: skip
    write_json(folder / "model.json", facts | description)


def _check_expected(folder: Path, info: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise InputError with all differences between ``model.json`` and values that it should contain."""
    differences: list[str] = []
    for name, values in expected.items():
        stored = info.get(name)
        if not isinstance(values, Mapping):
            pairs = [(name, stored, values)]
        elif name == "network" and differences:
            continue  # Settings of another architecture.
        else:
            stored = stored if isinstance(stored, Mapping) else {}
            pairs = [(f"{name}.{key}", stored.get(key), values.get(key)) for key in sorted({*stored, *values})]
        differences += [f"{key} {old}, not {new}" for key, old, new in pairs if old != new]
    if differences:
        hint = "use a model with these settings, or change the settings"
        raise InputError(folder, f"has {'; '.join(differences)}", hint)


def load_model(
    folder: str | Path, device: str | torch.device = "cpu", expected: Mapping[str, Any] | None = None
) -> AnyModel:
    """Load a model saved by :func:`save_model`.

    ``expected`` are ``architecture``, ``network``, ``crop`` and ``tissue_input`` as they should be in ``model.json``.

    Raises
    ------
    InputError
        If the folder has no complete model of this version, or the model differs from ``expected``.
    """
    folder = Path(folder)
    path = folder / "model.json"
    info = read_json(path)
    if info.get("format") != _FORMAT:
        raise InputError(path, f"has format {info.get('format')}, not {_FORMAT}", "train the model with this version")
    _check_expected(folder, info, expected or {})
    try:
        crop = CropSettings.model_validate(info["crop"])
        tissue_input: TissueInput = info["tissue_input"]
        kind, values = info["kind"], info["network"]
        architecture = find_architecture(info["architecture"])
        centre = np.array(info["centre_mm"], np.float64) if architecture.kind == "atlas-inverse" else None
    except (KeyError, ValidationError) as error:
        raise InputError(path, f"is incomplete ({error})", "train the model again") from error
    if tissue_input not in get_args(TissueInput):
        raise InputError(path, f"has the unknown tissue_input {tissue_input!r}", "train the model again")
    if kind != architecture.kind:
        problem = f"has kind {kind}, but `{architecture.name}` is a {architecture.kind}"
        raise InputError(path, problem, "train the model again")
    space = space_of(info)
    normalisation = Normalisation.from_dict(info.get("theta", {}), str(path), space)
    network = architecture.build(values, frame_of(crop, tissue_input, normalisation))
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        raise InputError(weights, "file not found", "copy the whole folder of the model")
    # Older models have no checksum.
    if info.get("weights_sha256", (checksum := sha256(weights.read_bytes()).hexdigest())) != checksum:
        raise InputError(weights, "is damaged, or belongs to another training than model.json", DAMAGED)
    try:
        tensors = load_file(weights)
        network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError, OSError) as error:
        detail = str(error).splitlines()[0]
        raise InputError(weights, f"does not fit model.json ({detail})", DAMAGED) from error
    if not all(bool(values.isfinite().all()) for values in tensors.values()):
        raise InputError(weights, "has values that are not finite", "copy the folder again, or train the model again")
    model = MODELS[kind](network, normalisation, crop, tissue_input, centre)
    model.info, model.space = info, space
    model.requires_grad_(False)
    return to_device(model, device).eval()


def _load_kind(folder: str | Path, device: str | torch.device, kind: type[_ModelT]) -> _ModelT:
    model = load_model(folder, device)
    if not isinstance(model, kind):
        raise InputError(folder, f"contains {_NAMES[model.kind]}", f"specify the folder of {_NAMES[kind.kind]}")
    return model


def load_surrogate(folder: str | Path, device: str | torch.device = "cpu") -> Surrogate:
    """Load a trained surrogate; raise InputError for another kind of model."""
    return _load_kind(folder, device, Surrogate)


def load_direct_inverse(folder: str | Path, device: str | torch.device = "cpu") -> DirectInverse:
    """Load a trained direct inverse network; raise InputError for another kind of model."""
    return _load_kind(folder, device, DirectInverse)


def load_atlas_inverse(folder: str | Path, device: str | torch.device = "cpu") -> AtlasInverse:
    """Load a trained network for segmentations in the atlas; raise InputError for another kind of model."""
    return _load_kind(folder, device, AtlasInverse)
