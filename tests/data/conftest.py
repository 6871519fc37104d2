"""Small corpora, written for these tests."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

CHARACTERS = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能"


def paragraph(rng: random.Random) -> str:
    """A paragraph of one or two sentences, hardly ever the same twice."""
    return "".join("".join(rng.choices(CHARACTERS, k=rng.randint(8, 40))) + "。" for _ in range(rng.randint(1, 2)))


def write_novel(path: Path, chapters: Sequence[int], seed: int = 1) -> Path:
    """A novel whose chapter n has chapters[n - 1] paragraphs; [n] alone gives n paragraphs without a heading."""
    rng = random.Random(seed)
    lines = []
    for number, paragraphs in enumerate(chapters, 1):
        if len(chapters) > 1:
            lines.append(f"第{number}章 {''.join(rng.choices(CHARACTERS, k=4))}")
        lines.extend(paragraph(rng) for _ in range(paragraphs))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def novel(tmp_path):
    """Forty chapters: 10 and 30 validate, 20 and 40 test."""
    return write_novel(tmp_path / "novel.txt", [3 + number % 4 for number in range(40)])


@pytest.fixture
def make_novel(tmp_path):
    """Writes a novel of the given paragraphs per chapter to the given name."""
    return lambda chapters, name="novel.txt", seed=1: write_novel(tmp_path / name, chapters, seed)
