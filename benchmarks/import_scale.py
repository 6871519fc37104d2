"""Imports a large generated novel and measures speed and memory.

    python benchmarks/import_scale.py --size-mib 1024

The text has chapter headings and random Chinese paragraphs. Memory is the sum of the proportional
set sizes (PSS, shared pages counted once) of the process and all its children, sampled ten times a
second; Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import DataConfig, TextConfig
from novelgen.text.importing import CorpusImport

_MIB = 1 << 20
_CHARACTERS = 3_000
_PARAGRAPHS_A_CHAPTER = 40


def write_novel(path: Path, size: int, seed: int = 1) -> None:
    """Writes a novel of about `size` bytes of UTF-8.

    Its chapters have random paragraphs of 20 to 400 characters with commas and stops.
    """
    random = np.random.default_rng(seed)
    # Character frequencies fall as in a natural text (Zipf), so that the vocabulary has common and
    # rare entries.
    weights = 1 / np.arange(1, _CHARACTERS + 1)
    alphabet = np.array([chr(0x4E00 + 5 * index) for index in range(_CHARACTERS)])
    written = chapter = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            chapter += 1
            lines = [f"第{chapter}章 无题"]
            lengths = random.integers(20, 400, _PARAGRAPHS_A_CHAPTER)
            characters = random.choice(alphabet, lengths.sum(), p=weights / weights.sum())
            characters[random.random(len(characters)) < 0.07] = "，"
            characters[random.random(len(characters)) < 0.04] = "。"
            text, start = "".join(characters), 0
            for length in lengths.tolist():
                lines.append("　　" + text[start : start + length] + "。")
                start += length
            block = "\n".join(lines) + "\n\n"
            file.write(block)
            written += len(block.encode())


def _parents() -> dict[int, int]:
    """The parent of every process."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # The process has ended in between.
        parents[int(status.parent.name)] = int(fields[1])
    return parents


def tree_memory(root: int) -> int:
    """Bytes of memory (PSS) of process `root` and everything below it."""
    parents, tree = _parents(), {root}
    while grown := {process for process, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    total = 0
    for process in tree:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total


class PeakMemory:
    """The highest memory of this process tree while the context is open."""

    def __enter__(self) -> PeakMemory:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.peak = max(self.peak, tree_memory(os.getpid()))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _import_text(path: Path, workers: int | None) -> str:
    corpus = CorpusImport([path], TextConfig(), workers)
    for _ in corpus:
        pass
    report = corpus.report
    return (
        f"{report.chapters:,} chapters, {report.paragraphs:,} paragraphs, "
        f"{report.characters:,} characters"
    )


def _build_store(path: Path, directory: Path) -> str:
    from novelgen.data.prepare import open_or_build

    open_or_build([path], TextConfig(), DataConfig(), directory)
    size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    return f"store {size / _MIB:,.0f} MiB"


def main() -> None:
    """Makes a novel, imports it, and prints speed and memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size-mib", type=int, default=1024, help="size of the generated file")
    parser.add_argument(
        "--workers", type=int, help="processes of the import; default: the processors there are"
    )
    parser.add_argument(
        "--what",
        choices=("text", "store", "both"),
        default="both",
        help="clean only, or also tokenize and store",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "novel.txt"
        write_novel(path, options.size_mib * _MIB)
        size = path.stat().st_size / _MIB
        for what in ("text", "store") if options.what == "both" else (options.what,):
            start = time.perf_counter()
            with PeakMemory() as memory:
                found = (
                    _import_text(path, options.workers)
                    if what == "text"
                    else _build_store(path, Path(folder) / "store")
                )
            seconds = time.perf_counter() - start
            print(
                f"{what}: {size:,.0f} MiB in {seconds:.1f} s, {size / seconds:.1f} MiB/s, peak "
                f"{memory.peak / _MIB:,.0f} MiB; {found}",
                flush=True,
            )


if __name__ == "__main__":
    main()
