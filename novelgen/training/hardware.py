"""What the machine offers: a device, a precision for products, and how it allocates memory."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import torch

from novelgen import __version__
from novelgen.config import DEVICES, validate_choice
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.models.kernels import onednn
from novelgen.training.alarms import GpuSupport

# Parameters of glibc's mallopt, from <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes CUDA where there is one.

    Raises ConfigError when CUDA is asked for and there is none.
    """
    validate_choice(name, DEVICES, "--device")
    # Said here, since torch's own error comes much later and names no remedy.
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            _(
                "--device cuda: no CUDA device is available here; use --device cpu, or install a "
                "torch with CUDA"
            )
        )
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products on a device, for one of PRECISIONS.

    "auto" takes bfloat16 where the hardware multiplies it faster than float32. Raises ConfigError
    when bfloat16 is asked for where it cannot be multiplied. On a CPU this may use oneDNN:
    `limit_onednn_cache` comes before it.
    """
    if name == "float32":
        return torch.float32
    if name == "auto" and not _gains_from_bfloat16(device):
        return torch.float32
    if name == "bfloat16" and not supports_bfloat16(device):
        raise ConfigError(
            _(
                "--precision bfloat16: this machine's {device} cannot multiply in bfloat16; use "
                "--precision float32 or auto"
            ).format(device=device.type.upper())
        )
    return torch.bfloat16


def supports_bfloat16(device: torch.device) -> bool:
    """Whether matrix products run in bfloat16 on a device, however fast.

    Layers that do not (an LSTM without a bfloat16 kernel) fall back to float32 by themselves.
    """
    if device.type == "cuda":
        # Emulated bfloat16 counts: slow, but whoever asks for it by name may have it.
        return bool(torch.cuda.is_bf16_supported())
    return onednn.multiplies_bfloat16()


def _gains_from_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster than in float32."""
    if device.type == "cuda":
        # Emulated bfloat16 (before Ampere) is slower than float32.
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # The environment may forbid oneDNN what the CPU has (ONEDNN_MAX_CPU_ISA).
    return has_bfloat16_units() and onednn.multiplies_bfloat16()


def has_bfloat16_units() -> bool:
    """Whether the CPU has AMX or AVX512-bf16.

    Measured: with them products in bfloat16 are 5 to 6.5 times as fast as in float32.
    """
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def describe_machine(device: torch.device) -> dict[str, Any]:
    """The hardware and software that figures were measured on, for those who compare them."""
    packages = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
    gpu = {}
    if device.type == "cuda":
        gpu["gpu"] = torch.cuda.get_device_name(device)
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        **gpu,
        "device": device.type,
        "auto_precision": str(choose_precision("auto", device)).removeprefix("torch."),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **packages,
        "novelgen": __version__,
    }


def find_gpu() -> GpuSupport:
    """Whether this machine has an NVIDIA GPU, and what torch makes of it."""
    is_present = Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists()
    return GpuSupport(
        # The driver brings the command along, on Windows too.
        is_present=is_present or shutil.which("nvidia-smi") is not None,
        torch_version=torch.__version__,
        cuda_version=torch.version.cuda,
        is_available=torch.cuda.is_available(),
    )


def _cpu_name() -> str:
    """The name in /proc/cpuinfo; on other systems what Python knows."""
    # platform.processor() is empty or just the architecture on most Linux systems.
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    if names:
        return names[0]
    return platform.processor() or platform.machine()


def limit_onednn_cache() -> None:
    """Limits oneDNN's cache of compiled products to what a few training steps use.

    Must be called before oneDNN is first used; a value set in the environment is kept. Every
    batch has another shape, so the 1024 products that oneDNN would keep are 300 MiB that hardly
    ever help.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")


def tune_malloc() -> None:
    """Makes glibc keep large freed blocks instead of returning each one to the kernel.

    Each batch frees and takes hundreds of megabytes again. Measured: 1.6 times the speed on a
    2-core Xeon, where page faults took a third of the time; no difference on a 2-core EPYC.
    """
    # No block is so large that it is mapped by itself, and the heap's free end is never trimmed.
    largest = 2**31 - 1
    if glibc := _glibc():
        glibc.mallopt(_M_MMAP_THRESHOLD, largest)
        glibc.mallopt(_M_TRIM_THRESHOLD, largest)


def release_freed_memory() -> None:
    """Returns freed memory to the kernel, which `tune_malloc` stopped.

    To be called now and then: batches differ in size, so that the freed blocks leave gaps between
    them, and the gaps add up.
    """
    if glibc := _glibc():
        glibc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc."""
    # musl, macOS and Windows have other allocators, without mallopt.
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)
