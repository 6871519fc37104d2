"""Reads samples.md, the texts that a run wrote in training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

# "## Step 160, 5.507 BPC", in any language: the first number of the heading is the step.
_HEADING = re.compile(r"^## \D*([\d,]+)")


class TrainingSample(NamedTuple):
    """A text that a run wrote in training, after a validation."""

    step: int
    prompt: str
    text: str


def read_samples(path: Path) -> list[TrainingSample]:
    """The samples of a run in order; none where it has written none."""
    if not path.exists():
        return []
    samples = []
    step = 0
    prompt = ""
    lines: list[str] = []
    # A heading at the end closes the last sample.
    for line in [*path.read_text(encoding="utf-8").splitlines(), "## 0"]:
        heading = _HEADING.match(line)
        if heading:
            if step:
                samples.append(TrainingSample(step, prompt, "\n".join(lines)))
            step = int(heading[1].replace(",", ""))
            prompt = ""
            lines = []
        elif line.startswith("> "):
            prompt = line[2:]
        elif line.strip():
            lines.append(line)
    return samples
