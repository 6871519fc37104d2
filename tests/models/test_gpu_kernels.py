"""The loop for CUDA against the reference, and whether its kernels compile for GPUs.

It runs on a GPU where there is one, else in Triton's interpreter on the CPU (tests/conftest.py);
compiling needs no GPU.
"""

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from novelgen.models.kernels import backends, manual, reference

pytest.importorskip(
    "triton", reason="Triton is not installed; on Linux it is part of the extra [test]"
)

from novelgen.models.kernels import gpu, gpu_kernels

_SPEC = importlib.util.spec_from_file_location(
    "kernels", Path(__file__).with_name("test_kernels.py")
)
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def inputs(*args, **options):
    return {
        name: leaf.detach().to(DEVICE).requires_grad_()
        for name, leaf in shared.inputs(*args, **options).items()
    }


def assert_agrees(leaves, lengths, outputs=range(4), **tolerance):
    found = shared.run(gpu.attention_loop, leaves, lengths)
    expected = shared.run(reference.attention_loop, leaves, lengths)
    for mine, truth in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, truth, **tolerance)
    shared.assert_gradients_agree(gpu.attention_loop, leaves, outputs, lengths, **tolerance)


@pytest.mark.parametrize("outputs", [range(4), (0,), (1,), (2,), (3,)])
def test_outputs_and_gradients_equal_the_reference(outputs):
    assert_agrees(inputs(target=2, rows=2), (shared.SOURCE, 1), outputs, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, EXACT), (torch.float32, {"rtol": 1e-3, "atol": 1e-3})]
)
def test_sizes_beyond_one_block(monkeypatch, dtype, tolerance):
    for name, size in (("HIDDEN", 130), ("MEMORY", 150), ("ATTENTION", 136)):
        monkeypatch.setattr(shared, name, size)
    source = 2 * gpu_kernels.POSITIONS + 3
    assert_agrees(
        inputs(dtype, rows=2, target=2, source=source, scale=0.1),
        (source, gpu_kernels.POSITIONS),
        **tolerance,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_lengths(seed):
    lengths = torch.randint(1, 20, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    assert_agrees(
        inputs(torch.float32, seed, 3, 1 + seed, max(lengths), 0.7), lengths, rtol=1e-3, atol=1e-3
    )


def test_bfloat16_products_stay_close_to_float32():
    leaves, lengths = inputs(torch.float32, target=2, scale=0.5), shared.LENGTHS
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        mine = shared.run(gpu.attention_loop, leaves, lengths)
        rough = shared.gradients(gpu.attention_loop, leaves)
    assert mine.hiddens.dtype == torch.bfloat16
    assert mine.cell.dtype == torch.float32
    for found, truth in zip(mine, shared.run(reference.attention_loop, leaves), strict=True):
        torch.testing.assert_close(found.float(), truth, rtol=0.02, atol=0.02)
    for name, expected in shared.gradients(reference.attention_loop, leaves).items():
        assert (rough[name] - expected).norm() < 0.05 * expected.norm(), name


def test_one_step_without_gradients_equals_the_reference():
    with torch.inference_mode():
        leaves = inputs(target=1)
        found, truth = (
            shared.run(loop, leaves) for loop in (gpu.attention_loop, reference.attention_loop)
        )
    for mine, expected in zip(found, truth, strict=True):
        torch.testing.assert_close(mine, expected, **EXACT)
    assert not found.weights[1, :, 1:].any()
    assert not found.weights[2, :, 4:].any()


@pytest.mark.filterwarnings(
    "ignore:(overflow|invalid value) encountered:RuntimeWarning"
)  # numpy's, in the interpreter
def test_numbers_far_out_of_range_stay_finite_and_not_a_number_shows():
    leaves = inputs(torch.float32, target=2)
    names = ("gates", "keys", "query", "score", "recurrent", "context")
    large = {**leaves, **{name: (leaves[name] * 1e4).detach().requires_grad_() for name in names}}
    assert all(part.isfinite().all() for part in shared.run(gpu.attention_loop, large))
    assert all(
        gradient.isfinite().all()
        for gradient in shared.gradients(gpu.attention_loop, large).values()
    )
    for name in ("recurrent", "query"):
        broken = {**leaves, name: torch.full_like(leaves[name], torch.nan)}
        assert shared.run(gpu.attention_loop, broken).hiddens[:, 1:].isnan().all(), name


@pytest.mark.parametrize("product", [torch.float32, torch.bfloat16])
def test_triton_is_used_where_it_agrees_and_no_random_number_is_drawn(product):
    before = torch.get_rng_state()
    assert backends.has_triton.__wrapped__(DEVICE, product)
    assert torch.equal(torch.get_rng_state(), before)


def test_with_a_wrong_kernel_the_other_loop_runs_and_one_warning_is_logged(monkeypatch, caplog):
    backends.has_triton.cache_clear()
    monkeypatch.setattr(gpu, "exponential", lambda keys: manual.exponential(keys) * 1.01)
    has_triton = backends.has_triton
    monkeypatch.setattr(backends, "has_triton", lambda device, product: has_triton(DEVICE, product))
    with caplog.at_level(logging.WARNING):
        loops = [backends.loop_on(torch.device("cuda"), torch.float32) for _ in range(2)]
    has_triton.cache_clear()
    assert loops == [manual.attention_loop] * 2
    assert len(caplog.records) == 1
    assert "Triton" in caplog.text


def test_on_cuda_the_triton_loop_runs(monkeypatch):
    monkeypatch.setattr(backends, "has_triton", lambda device, product: True)
    assert backends.loop_on(torch.device("cuda"), torch.float32) is gpu.attention_loop


# As a program of its own, since Triton either interprets or compiles in one process.
_COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from novelgen.models.kernels import gpu_kernels

CONSTANTS = {
    "A": 256, "M": 512, "H": 512, "WIDTH": 2304, "SKIPPED": 256,
    "POSITIONS": gpu_kernels.POSITIONS, "FEATURES": gpu_kernels.FEATURES,
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
        kernel = getattr(gpu_kernels, name)
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
