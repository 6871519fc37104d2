"""Builds JoeyNMT 2.3.0 an environment of its own.

    python benchmarks/peers/install_joeynmt.py [directory]

Its own dependencies ask for a protobuf and tools of years ago, so it is installed without them,
beside what it imports when it trains and translates. What today's torch no longer takes is patched,
each place by its exact text.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

DEFAULT = Path(__file__).resolve().parents[1] / ".peers" / "joeynmt-2.3.0"
TORCH = "torch==2.13.0"
NEEDED = (
    "numpy==2.4.6",
    "packaging==26.3",
    "pyyaml==6.0.3",
    "tensorboard==2.21.0",
    "sacrebleu==2.6.0",
    "matplotlib==3.11.2",
    "tqdm==4.70.1",
    "sentencepiece==0.2.3",
    "subword-nmt==0.3.8",
)


class Patch(NamedTuple):
    """One place of the installed package that is to read otherwise."""

    file: str
    before: str
    after: str
    reason: str


PATCHES = (
    Patch(
        "builders.py",
        '"mode": scheduler_mode,\n            "verbose": False,\n',
        '"mode": scheduler_mode,\n',
        "the schedulers of torch take no verbose any more",
    ),
    Patch(
        "helpers.py",
        "import importlib_metadata\n",
        "import importlib.metadata as importlib_metadata\n",
        "the standard library has it since Python 3.8",
    ),
    Patch(
        "prediction.py",
        "save_hypothese(out_file, all_hypotheses, args.n_best)",
        "save_hypothese(out_file, all_hypotheses, args.test.n_best)",
        "`translate --output-path` fails otherwise",
    ),
)


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def install(environment: Path, torch_index: str) -> None:
    """Builds the environment, or completes one that was begun."""
    venv.create(environment, with_pip=True)
    index = ["--retries", "1", "--extra-index-url", torch_index] if torch_index else []
    for packages in ([*index, TORCH], [*NEEDED], ["--no-deps", "joeynmt==2.3.0"]):
        subprocess.run(
            [
                interpreter(environment),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *packages,
            ],
            check=True,
        )
    found = subprocess.run(
        [
            interpreter(environment),
            "-c",
            "import importlib.util as u; print(u.find_spec('joeynmt').origin)",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    for patch in PATCHES:
        apply(patch, Path(found).parent)


def apply(patch: Patch, package: Path) -> None:
    """Replaces the text, which must stand there once.

    Where it was replaced before, nothing happens.
    """
    path = package / patch.file
    text = path.read_text(encoding="utf-8")
    if patch.before not in text and patch.after in text:
        return
    if text.count(patch.before) != 1:
        raise SystemExit(
            f"{path}: {patch.before!r} should stand there once, "
            f"to be replaced because {patch.reason}; is this "
            "JoeyNMT 2.3.0?"
        )
    path.write_text(text.replace(patch.before, patch.after), encoding="utf-8")


def main() -> None:
    """Builds the environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "environment", nargs="?", type=Path, default=DEFAULT, help=f"where (default: {DEFAULT})"
    )
    parser.add_argument(
        "--torch-index",
        default="https://download.pytorch.org/whl/cpu",
        help="where pip finds torch besides its usual places; "
        "'' for nowhere else, which gives CUDA on Linux",
    )
    args = parser.parse_args()
    install(args.environment, args.torch_index)
    subprocess.run(
        [interpreter(args.environment), "-m", "joeynmt", "--help"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    print(f"JoeyNMT 2.3.0: {args.environment}")


if __name__ == "__main__":
    main()
