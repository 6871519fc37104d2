"""What the machine offers: where to compute, in which precision, and an allocator that keeps its pages."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

from novelgen import __version__
from novelgen.config import DEVICES, validate_choice
from novelgen.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes CUDA where there is one. Raises ConfigError when CUDA is asked for in vain."""
    validate_choice(name, DEVICES, "--device")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda：这里没有可用的 CUDA 显卡；请用 --device cpu，或安装带 CUDA 的 torch | no CUDA device is "
            "available here; use --device cpu, or install a torch with CUDA"
        )
    return torch.device(
        "cuda"
        if name == "auto" and torch.cuda.is_available()
        else name
        if name != "auto"
        else "cpu"
    )


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; "auto" takes bfloat16 where the hardware multiplies it faster than float32."""
    if name == "auto":
        # Emulated bfloat16 (before Ampere) is slower than float32.
        gains = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else _cpu_multiplies_bfloat16()
        )
        return torch.bfloat16 if gains else torch.float32
    return getattr(torch, name)


def _cpu_multiplies_bfloat16() -> bool:
    """Whether the CPU has AMX or AVX512-bf16; products were measured 5 to 6.5 times as fast there as in float32."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What figures were measured on and with, for those who read them elsewhere."""
    packages = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
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


def _cpu_name() -> str:
    """As Linux calls it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def limit_onednn_cache() -> None:
    """Bounds oneDNN's cache of compiled products, before its first use, to what a few steps use; the environment comes first.

    Every batch has another shape, so the 1024 that oneDNN would keep are 300 MiB that hardly ever help.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")


def tune_malloc() -> None:
    """Tells glibc to keep large freed blocks instead of handing every one back to the kernel.

    Each batch frees and takes hundreds of megabytes again. Measured: 1.6 times the speed on a 2-core Xeon, where page faults
    took a third of the time; no difference on a 2-core EPYC.
    """
    trim_threshold, mmap_threshold, most = (
        -1,
        -3,
        2**31 - 1,
    )  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of <malloc.h>
    if glibc := _glibc():
        glibc.mallopt(mmap_threshold, most)
        glibc.mallopt(trim_threshold, most)


def release_freed_memory() -> None:
    """Hands back what is free after all, now and then: blocks of another size in every batch leave gaps, and these add up."""
    if glibc := _glibc():
        glibc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is that one."""
    return (
        ctypes.CDLL(None)
        if platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"
        else None
    )
