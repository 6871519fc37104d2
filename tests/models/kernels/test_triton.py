"""The loop for CUDA against the reference, and whether its kernels compile for GPUs.

It runs on a GPU where there is one, else in Triton's interpreter on the CPU (tests/conftest.py);
compiling needs no GPU.
"""

import logging
import os
import subprocess
import sys

import pytest
import torch

from novelgen.models.kernels import api, reference
from tests.models.kernels.comparison import EXACT, assert_close_on_the_whole, gradients
from tests.models.kernels.loops import BAHDANAU, SOURCE

pytest.importorskip(
    "triton", reason="Triton is not installed; on Linux it is part of the extra [test]"
)

from novelgen.models.kernels.triton import kernels, loop

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def inputs(*args, **options):
    return {
        name: leaf.detach().to(DEVICE).requires_grad_()
        for name, leaf in BAHDANAU.inputs(*args, **options).items()
    }


def assert_agrees(leaves, lengths, chosen=None, **tolerance):
    BAHDANAU.assert_agrees(
        loop.attention_loop,
        leaves,
        lengths,
        chosen=chosen,
        outputs_within=tolerance["rtol"],
        **tolerance,
    )


@pytest.mark.parametrize("chosen", [None, (0,), (1,), (2,), (3,)])
def test_outputs_and_gradients_equal_the_reference(chosen):
    assert_agrees(inputs(target=2, rows=2), (SOURCE, 1), chosen, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, EXACT), (torch.float32, {"rtol": 1e-3, "atol": 1e-3})]
)
def test_sizes_beyond_one_block(dtype, tolerance):
    sizes = (3, 130, 150, 136)  # D, H, M, A
    source = 2 * kernels.POSITIONS + 3
    assert_agrees(
        inputs(dtype, rows=2, target=2, source=source, sizes=sizes, scale=0.1),
        (source, kernels.POSITIONS),
        **tolerance,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_lengths(seed):
    lengths = torch.randint(1, 20, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    assert_agrees(
        inputs(torch.float32, seed, 3, 1 + seed, max(lengths), scale=0.7),
        lengths,
        rtol=1e-3,
        atol=1e-3,
    )


def test_bfloat16_products_stay_close_to_float32():
    leaves = inputs(torch.float32, target=2, scale=0.5)
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        mine = BAHDANAU.run(loop.attention_loop, leaves)
    assert mine.hiddens.dtype == torch.bfloat16
    assert mine.cell.dtype == torch.float32
    truth = BAHDANAU.run(reference.attention_loop, leaves)
    for found, expected in zip(mine, truth, strict=True):
        torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)
    assert_close_on_the_whole(gradients(mine, leaves), gradients(truth, leaves), 0.05)


def test_one_step_without_gradients_equals_the_reference():
    with torch.inference_mode():
        leaves = inputs(target=1)
        found = BAHDANAU.run(loop.attention_loop, leaves)
        truth = BAHDANAU.run(reference.attention_loop, leaves)
    for mine, expected in zip(found, truth, strict=True):
        torch.testing.assert_close(mine, expected, **EXACT)
    assert not found.weights[1, :, 1:].any()
    assert not found.weights[2, :, 4:].any()


@pytest.mark.filterwarnings(
    "ignore:(overflow|invalid value) encountered:RuntimeWarning"
)  # numpy's, in the interpreter
def test_numbers_far_out_of_range_stay_finite_and_not_a_number_shows():
    leaves = inputs(torch.float32, target=2)
    large = {name: leaf.detach().clone().requires_grad_() for name, leaf in leaves.items()}
    with torch.no_grad():
        for name in ("inputs", "keys", "token", "query", "score", "recurrent", "context"):
            large[name].mul_(1e4)
    outputs = BAHDANAU.run(loop.attention_loop, large)
    assert all(part.isfinite().all() for part in outputs)
    assert all(part.isfinite().all() for part in gradients(outputs, large).values())
    for name in ("recurrent", "query"):
        broken = {**leaves, name: torch.full_like(leaves[name], torch.nan)}
        assert BAHDANAU.run(loop.attention_loop, broken).hiddens[:, 1:].isnan().all(), name


def test_lengths_change_nothing():
    """Shapes must not depend on values: padding is computed like everything else."""
    leaves = inputs(target=3)
    found = BAHDANAU.run(loop.attention_loop, leaves, target_lengths=(1, 3, 2))
    for mine, truth in zip(found, BAHDANAU.run(loop.attention_loop, leaves), strict=True):
        assert torch.equal(mine, truth)


@pytest.mark.parametrize("product", [torch.float32, torch.bfloat16])
def test_triton_is_used_where_it_agrees_and_no_random_number_is_drawn(product):
    before = torch.get_rng_state()
    assert api.has_triton.__wrapped__(DEVICE, product)
    assert torch.equal(torch.get_rng_state(), before)


def test_with_a_wrong_kernel_the_reference_runs_and_one_warning_is_logged(monkeypatch, caplog):
    api.has_triton.cache_clear()
    run = loop.attention_loop

    def wrong(*arguments):
        found = run(*arguments)
        return found._replace(hiddens=found.hiddens * 1.01)

    monkeypatch.setattr(loop, "attention_loop", wrong)
    has_triton = api.has_triton
    monkeypatch.setattr(api, "has_triton", lambda device, product: has_triton(DEVICE, product))
    with caplog.at_level(logging.WARNING):
        loops = [api.loop_on(torch.device("cuda"), torch.float32) for _ in range(2)]
    has_triton.cache_clear()
    assert loops == [reference.attention_loop] * 2
    assert len(caplog.records) == 1
    assert "Triton" in caplog.text


# As a program of its own, since Triton either interprets or compiles in one process.
_COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from novelgen.models.kernels.triton import kernels

CONSTANTS = {
    "A": 256, "M": 512, "H": 512, "WIDTH": 2304, "SKIPPED": 256,
    "POSITIONS": kernels.POSITIONS, "FEATURES": kernels.FEATURES,
    "HAS_HIDDENS": True, "HAS_CONTEXTS": True, "HAS_ALPHAS": True,
}
PRODUCTS = {
    "seen", "annotations", "contexts", "from_gates", "of_contexts", "d_read", "d_states", "gates",
    "more", "hiddens", "d_later", "of_hiddens",
}
INTEGERS = {"positions": "i32", "steps": "i32", "lengths": "*i32"}
KERNELS = (
    "score_positions", "read_positions", "read_backward", "score_backward", "keys_backward",
    "lstm", "lstm_backward",
)

def type_of(name, product):
    if name in CONSTANTS:
        return "constexpr"
    return INTEGERS.get(name) or "*" + (product if name in PRODUCTS else "fp32")

for capability, product in ((75, "fp32"), (80, "bf16"), (90, "bf16")):
    target = GPUTarget("cuda", capability, 32)
    for name in KERNELS:
        kernel = getattr(kernels, name)
        types = {name: type_of(name, product) for name in kernel.arg_names}
        constants = {name: value for name, value in CONSTANTS.items() if name in types}
        compiled = compile(ASTSource(kernel, types, constants), target=target)
        print(capability, name, len(compiled.asm["cubin"]))
"""


@pytest.mark.slow
def test_the_kernels_compile_for_gpus_from_turing_to_hopper(tmp_path):
    environment = {
        **os.environ,
        "TRITON_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sizes = [int(line.split()[2]) for line in done.stdout.splitlines()]
    assert len(sizes) == 21
    assert min(sizes) > 0
