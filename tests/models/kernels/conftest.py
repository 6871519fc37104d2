"""What makes the tests of the kernels see more than they would by chance."""

import pytest
import torch


@pytest.fixture(autouse=True)
def nan_in_new_memory():
    """Whatever PyTorch allocates is full of NaN until it is written: none of it may be read."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def as_onednn(monkeypatch):
    """Time loops run as they do where products are oneDNN's.

    Its `products` counts these products, which are PyTorch's, in any dtype.
    """
    from novelgen.models.kernels import products

    class Exact(products.OneDnn):
        products = 0

        def __init__(self, weight, rows):
            self._own = weight.detach()

        def product(self, left):
            Exact.products += 1
            return left.view(self._own.dtype) @ self._own.t()

    monkeypatch.setattr(products, "pack_weight", Exact)
    return Exact
