"""The memory that is left, read as each system says it."""

import ctypes
from typing import ClassVar

import pytest

from novelgen.training.alarms import Memory
from novelgen.training.system_memory import (
    linux_memory,
    mac_memory,
    read_memory,
    windows_memory,
)

GIB = 2**30


class Mac:
    """The C library of a Mac with 16 GiB, of which 40 % are available."""

    values: ClassVar = {b"hw.memsize": (16 * GIB, 8), b"kern.memorystatus_level": (40, 4)}

    def sysctlbyname(self, name, value, size, new, new_size):
        if name not in self.values:
            return -1
        number, width = self.values[name]
        assert size.contents.value >= width
        ctypes.memmove(value, number.to_bytes(width, "little"), width)
        return 0


class Windows:
    """kernel32, of whose structure the first 24 bytes matter: length, load, total, available."""

    def GlobalMemoryStatusEx(self, status):
        raw = bytes(status.contents)[:4]
        # Windows refuses a structure of another size.
        if int.from_bytes(raw, "little") != 64:
            return 0
        filled = (60).to_bytes(4, "little")
        filled += (8 * GIB).to_bytes(8, "little") + (3 * GIB).to_bytes(8, "little")
        ctypes.memmove(ctypes.addressof(status.contents) + 4, filled, len(filled))
        return 1


def test_memory_is_read_of_the_machine_and_of_the_container(tmp_path):
    assert linux_memory(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8192 kB\nMemAvailable:   4096 kB\n")
    assert linux_memory(tmp_path) == Memory(4096 * 1024, 8192 * 1024)
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("1000\n")
    (group / "memory.stat").write_text("anon 700\ninactive_file 200\n")
    assert linux_memory(tmp_path) == Memory(4096 * 1024, 8192 * 1024)
    (group / "memory.max").write_text("5000\n")
    assert linux_memory(tmp_path) == Memory(4200, 5000)


@pytest.mark.parametrize(
    ("system", "library", "expected"),
    [
        ("Darwin", Mac(), Memory(16 * GIB * 40 // 100, 16 * GIB)),
        ("Windows", Windows(), Memory(3 * GIB, 8 * GIB)),
        # A function that a library lacks, and a system that nobody knows.
        ("Darwin", Windows(), None),
        ("Windows", Mac(), None),
        ("Plan 9", Mac(), None),
    ],
)
def test_memory_is_read_on_every_system(system, library, expected):
    assert read_memory(system, lambda name: library) == expected


def test_memory_that_a_system_does_not_tell_is_not_known():
    class Refusing:
        def GlobalMemoryStatusEx(self, status):
            return 0

    assert windows_memory(Refusing()) is None
    assert mac_memory(lambda name: None) is None
