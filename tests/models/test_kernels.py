"""The hand-written loop against the reference: outputs and all gradients."""

import pytest
import torch

from novelgen.models.kernels import manual, reference

TARGET, ROWS, SOURCE, HIDDEN, MEMORY, ATTENTION = 5, 3, 7, 6, 8, 4


def inputs(dtype=torch.float64, seed=0):
    """Leaf tensors by name; the rows have different source lengths."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    return {"gates": draw(ROWS, TARGET, 4 * HIDDEN), "annotations": draw(ROWS, SOURCE, MEMORY),
            "keys": draw(ROWS, SOURCE, ATTENTION), "hidden": draw(ROWS, HIDDEN), "cell": draw(ROWS, HIDDEN),
            "query": draw(ATTENTION, HIDDEN), "score": draw(ATTENTION), "recurrent": draw(4 * HIDDEN, HIDDEN),
            "context": draw(4 * HIDDEN, MEMORY)}


def run(loop, leaves):
    is_token = torch.arange(SOURCE) < torch.tensor([[SOURCE], [1], [4]])
    memory = reference.LoopMemory(leaves["annotations"], leaves["keys"], is_token)
    weights = reference.LoopWeights(leaves["query"], leaves["score"], leaves["recurrent"], leaves["context"])
    return loop(leaves["gates"], memory, leaves["hidden"], leaves["cell"], weights)


def gradients(loop, leaves, outputs=range(4)):
    """The gradients of a random linear functional of the chosen outputs."""
    generator = torch.Generator().manual_seed(7)
    result = run(loop, leaves)
    weighed = [(part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part.dtype)).sum()
               for part in result]
    total = sum(weighed[index] for index in outputs)
    return dict(zip(leaves, torch.autograd.grad(total, list(leaves.values()), allow_unused=True), strict=True))


@pytest.mark.parametrize("outputs", [range(4), (0,), (1,), (2,), (3,), (0, 2)])
def test_outputs_and_gradients_equal_the_reference(outputs):
    leaves = inputs()
    for mine, truth in zip(run(manual.attention_loop, leaves), run(reference.attention_loop, leaves), strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)
    mine, truth = (gradients(loop, leaves, outputs) for loop in (manual.attention_loop, reference.attention_loop))
    for name, expected in truth.items():
        if expected is None:
            assert mine[name] is None or not mine[name].any(), name
        else:
            torch.testing.assert_close(mine[name], expected, rtol=1e-10, atol=1e-10, msg=name)


def test_bfloat16_products_stay_close_to_the_reference():
    leaves = inputs(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = run(manual.attention_loop, leaves)
    for found, truth in zip(mine, run(reference.attention_loop, leaves), strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, truth, rtol=0.1, atol=0.1)


def test_padding_gets_exactly_zero_weight():
    for loop in (manual.attention_loop, reference.attention_loop):
        weights = run(loop, inputs()).weights
        assert not weights[1, :, 1:].any() and not weights[2, :, 4:].any()
        torch.testing.assert_close(weights.sum(-1), torch.ones(ROWS, TARGET, dtype=torch.float64))


def test_scores_far_out_of_tanhs_range_stay_finite():
    leaves = inputs(torch.float32)
    large = {**leaves, "keys": (leaves["keys"] * 1e4).detach().requires_grad_(),
             "query": (leaves["query"] * 1e4).detach().requires_grad_()}
    for found in run(manual.attention_loop, large):
        assert found.isfinite().all()
    for name, gradient in gradients(manual.attention_loop, large).items():
        assert gradient.isfinite().all(), name
