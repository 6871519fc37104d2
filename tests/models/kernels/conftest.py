"""Products in the place of oneDNN's, so that what only runs beside these can be compared."""

import pytest


@pytest.fixture
def as_onednn(monkeypatch):
    """Called with a module, it makes its loops run as they do where products are oneDNN's.

    Its `products` counts these products, which are PyTorch's, in any dtype.
    """
    from novelgen.models.kernels import products

    class Exact(products.OneDnn):
        def __init__(self, weight, rows):
            self._own = weight.detach()

        def product(self, left):
            install.products += 1
            return left.view(self._own.dtype) @ self._own.t()

    def install(module):
        monkeypatch.setattr(module, "pack", Exact)

    install.products = 0
    return install
