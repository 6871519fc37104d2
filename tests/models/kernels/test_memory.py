"""The memory of a training step: neither (B, T, S, A) nor all logits (B, T, V) ever exist."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from novelgen.config import Config
from novelgen.models.build import build_model
from novelgen.models.kernels import api, loss, reference

ROWS, LENGTH, ATTENTION, VOCABULARY = 8, 40, 32, 1000
ALL_SCORES, ALL_LOGITS = ROWS * LENGTH**2 * ATTENTION, ROWS * LENGTH * VOCABULARY


class LargestTensor(TorchDispatchMode):
    """The bytes of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(each, torch.Tensor):
                self.largest = max(self.largest, each.numel() * each.element_size())
        return result


def step(loop, precision):
    """One step of a small model: bytes of its largest tensor, and of all that the graph keeps."""
    torch.manual_seed(0)
    sizes = {
        "embedding_size": 16,
        "encoder_size": 8,
        "decoder_size": 16,
        "attention_size": ATTENTION,
    }
    model = build_model(Config().replace(**sizes).model, VOCABULARY).train()
    model.decoder.loop = loop
    tokens, kept = torch.randint(3, VOCABULARY, (ROWS, LENGTH)), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        LargestTensor() as watch,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        loss = model.nll_sum(tokens, tokens >= 0, *model.start(tokens, torch.full((ROWS,), LENGTH)))
        loss.backward()
    return watch.largest, sum(kept.values())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Small chunks of logits, and one thread: what is watched is this thread's operations."""
    monkeypatch.setattr(loss, "chunk_rows", lambda weight: 8)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_neither_all_scores_nor_all_logits_exist(precision):
    largest, kept = step(api.attention_loop, precision)
    assert largest < 2 * ALL_LOGITS
    assert largest < 2 * ALL_SCORES
    assert kept < 4 * ALL_SCORES


def test_reference_loop_keeps_all_scores():
    assert step(reference.attention_loop, "float32")[1] > 4 * ALL_SCORES


def test_all_logits_are_measured_where_they_exist(monkeypatch):
    monkeypatch.setattr(loss, "chunk_rows", lambda weight: ROWS * LENGTH)
    assert step(api.attention_loop, "float32")[0] >= ALL_LOGITS


PRODUCTS = (
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
)


class Products(TorchDispatchMode):
    """The shapes of all matrix products in a dtype."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype
        self.shapes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        factors = [
            each for each in args if isinstance(each, torch.Tensor) and each.dtype == self.dtype
        ]
        if function in PRODUCTS and factors:
            self.shapes.add((function, *(tuple(each.shape) for each in factors)))
        return function(*args, **(kwargs or {}))


def test_source_width_brings_no_new_shapes_of_products():
    torch.manual_seed(0)
    sizes = {"embedding_size": 16, "encoder_size": 8, "decoder_size": 16, "attention_size": 8}
    model = build_model(Config().replace(**sizes).model, VOCABULARY)
    target, found = torch.randint(3, VOCABULARY, (ROWS, 12)), []
    for width in (10, 21, 30):
        source = torch.randint(3, VOCABULARY, (ROWS, width))
        with Products(torch.bfloat16) as products:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = model.nll_sum(
                    target, target >= 0, *model.start(source, torch.full((ROWS,), width))
                )
            loss.backward()
        found.append(products.shapes)
    assert found[0]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("rows", range(1, 40, 3))
def test_last_chunks_of_logits_have_few_sizes(rows, monkeypatch):
    """oneDNN keeps a compiled product for every size."""
    monkeypatch.setattr(loss, "chunk_rows", lambda weight: 12)
    readout, weight, bias = torch.randn(rows, 16), torch.randn(30, 16), torch.zeros(30)
    target = torch.arange(rows) % 30
    with Products(torch.bfloat16) as products, torch.autocast("cpu", dtype=torch.bfloat16):
        loss.linear_cross_entropy(readout, weight.requires_grad_(), bias, target)
    # Those that make the gradient of the weight: (V, C) · (C, D).
    sizes = {left[1] for _, left, right in products.shapes if left[0] == 30 and right[1] == 16}
    of_the_rest = {1 << bit for bit in range(4) if rows % 12 >> bit & 1}
    assert sizes == (of_the_rest | {12} if rows >= 12 else of_the_rest)
