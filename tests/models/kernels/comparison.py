"""What the tests of the kernels share: an implementation beside the one that defines it."""

import torch

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def draw(shapes, dtype=torch.float64, seed=0, scale=1.0):
    """Leaf tensors by name, normally distributed; the same numbers in every dtype."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (scale * torch.randn(*shape, generator=generator, dtype=torch.float64))
        .to(dtype)
        .requires_grad_()
        for name, shape in shapes.items()
    }


def token_mask(lengths, steps):
    """(B, steps) bool: True within each row's length."""
    return torch.arange(steps) < torch.tensor(lengths).unsqueeze(1)


def gradients(outputs, leaves, chosen=None, counted=None):
    """The gradients, by name, of a random linear functional of the chosen outputs.

    `counted` says which rows of each output, or which steps of its rows, the functional reads; None
    means all.
    """
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros((), dtype=torch.float64)
    for number, output in enumerate(outputs):
        weights = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        if chosen is not None and number not in chosen:
            continue
        if counted is not None:
            weights = weights[counted[number].cpu()]
            output = output[counted[number]]
        total = total + (output * weights.to(output)).sum().to(total)
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, retain_graph=True)
    return dict(zip(leaves, found, strict=True))


def assert_same_gradients(mine, truth, **tolerance):
    """Gradients by name agree; None is as good as zeros."""
    for name, expected in truth.items():
        if expected is None:
            assert mine[name] is None or not mine[name].any(), name
        else:
            torch.testing.assert_close(
                mine[name], expected, msg=lambda text, name=name: f"{name}: {text}", **tolerance
            )


def assert_close_on_the_whole(mine, truth, share):
    """Gradients by name are off by less than a share of their norm."""
    for name, expected in truth.items():
        assert (mine[name].double() - expected).norm() < share * expected.norm(), name


def compiled_signatures(module):
    """How many signatures of each compiled function that a module names have been compiled."""
    return {
        name: len(function.signatures)
        for name, function in vars(module).items()
        if hasattr(function, "py_func")
    }
