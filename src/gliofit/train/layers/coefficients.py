"""How theta enters a U-shaped network at its neck."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Coefficients"]


class Coefficients(nn.Linear):
    """One linear map from theta to a field over the neck's voxels, to be added to its features (paper, section 2.3).

    Parameters
    ----------
    parameters
        Number of parameters.
    width
        Channels of the neck.
    edge
        Voxels along each edge of the neck; it ties the network to one size of cube.
    """

    def __init__(self, parameters: int, width: int, edge: int) -> None:
        super().__init__(parameters, width * edge**3)
        self.shape = (width, edge, edge, edge)

    def forward(self, theta: Tensor) -> Tensor:
        """Fields of shape (batch, width, edge, edge, edge) for theta of shape (batch, parameters)."""
        return super().forward(theta).reshape(-1, *self.shape)
