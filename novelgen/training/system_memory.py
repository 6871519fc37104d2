"""How much memory the machine has left, as each system says it; Python's own library has no way."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from novelgen.training.alarms import Memory


def read_memory(
    system: str | None = None, library: Callable[[str | None], Any] = ctypes.CDLL
) -> Memory | None:
    """The memory of the machine, or of the container where that has less; None: not known.

    `system` is the name that Python has for it, by default of this one; `library` opens a library
    of the system, None being that of C.
    """
    system = system or platform.system()
    try:
        if system == "Linux":
            return linux_memory()
        if system == "Darwin":
            return mac_memory(partial(_sysctl, library(None)))
        if system == "Windows":
            return windows_memory(library("kernel32"))
    except (OSError, AttributeError):  # a library, or a function of it, that is not there
        pass
    return None


def linux_memory(root: Path = Path("/")) -> Memory | None:
    """By /proc and the control group of a container; `root` is the root of the file system."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
        kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
        memory = Memory(1024 * kib["MemAvailable"], 1024 * kib["MemTotal"])
    except (OSError, ValueError, KeyError, IndexError):
        return None
    try:
        group = root / "sys/fs/cgroup"
        limit = int((group / "memory.max").read_text(encoding="utf-8"))
        used = int((group / "memory.current").read_text(encoding="utf-8"))
        statistics = (group / "memory.stat").read_text(encoding="utf-8").split()
        # Files that the kernel may forget count as used there.
        cached = int(statistics[statistics.index("inactive_file") + 1])
    except (OSError, ValueError, IndexError):  # no such group, or one without a limit: "max"
        return memory
    available = min(memory.available, limit - used + cached)
    return Memory(available, min(memory.total, limit))


def mac_memory(sysctl: Callable[[str], int | None]) -> Memory | None:
    """By the kernel's own figure of what is available, in percent, which memory_pressure prints."""
    total = sysctl("hw.memsize")
    percent = sysctl("kern.memorystatus_level")
    if not total or percent is None:
        return None
    return Memory(total * percent // 100, total)


def _sysctl(library: Any, name: str) -> int | None:
    """A whole number that the kernel of a Mac keeps by name."""
    # Some are of four bytes and some of eight; all Macs put the lowest byte first.
    value = ctypes.c_uint64(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    if library.sysctlbyname(name.encode(), ctypes.pointer(value), ctypes.pointer(size), None, 0):
        return None
    return value.value


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows' sysinfoapi.h."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        # Page files and address space, which are not asked for.
        ("others", ctypes.c_uint64 * 5),
    )


def windows_memory(kernel: Any) -> Memory | None:
    """By GlobalMemoryStatusEx of a library, which is kernel32."""
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    if not kernel.GlobalMemoryStatusEx(ctypes.pointer(status)):
        return None
    return Memory(status.available, status.total)
