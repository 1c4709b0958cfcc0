"""Addition of theta to the features at the neck of a U-Net."""

from __future__ import annotations

from torch import Tensor, nn


class Coefficients(nn.Linear):
    """Linear map from theta to a field that is added to the neck's features (paper, section 2.3).

    The neck has ``width`` channels and ``edge`` voxels along each edge, which fixes the size of the cube.
    """

    def __init__(self, parameters: int, width: int, edge: int) -> None:
        super().__init__(parameters, width * edge**3)
        self.shape = (width, edge, edge, edge)

    def forward(self, theta: Tensor) -> Tensor:
        """Compute fields, shape (batch, width, edge, edge, edge), of theta, shape (batch, parameters)."""
        return super().forward(theta).reshape(-1, *self.shape)
