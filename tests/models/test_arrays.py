import numpy as np
import torch

from novelgen.models.kernels.arrays import numpy_view


def test_an_array_shares_the_memory_of_its_tensor():
    tensor = torch.zeros(2, 3, requires_grad=True)
    numpy_view(tensor)[1, 2] = 5
    assert tensor[1, 2].item() == 5


def test_bfloat16_is_its_sixteen_bits():
    tensor = torch.tensor([1.0, -2.0, 0.5], dtype=torch.bfloat16)
    bits = numpy_view(tensor)
    assert bits.dtype == np.uint16
    # They are the upper half of those of the same number in float32.
    assert bits.tolist() == (tensor.float().numpy().view(np.uint32) >> 16).tolist()
