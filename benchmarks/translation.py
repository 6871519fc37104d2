"""BLEU of translations, ours beside JoeyNMT's.

    python benchmarks/translation.py --pairs train.tsv --valid-pairs valid.tsv

Both read a file of pairs, source TAB target a line, as words on the left and characters on the
right, have the same sizes, batches of about 64 pairs, as many steps, the same dropout and first
learning rate, and keep the weights that predict the validation file best; then both translate it
greedily and with a beam of 5. What is done is kept below --work: called again, the command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import sacrebleu
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers import install_joeynmt
from benchmarks.peers import joeynmt_translation as joeynmt
from benchmarks.peers.joeynmt_translation import SCALE, Recipe
from novelgen.decoding.generator import Generator
from novelgen.training.hardware import describe_machine

ROOT = Path(__file__).resolve().parents[1]
OURS = ("bahdanau", "seq2seq", "cho")
LEVELS = ("word", "char")
BEAMS = (1, 5)
# Nothing but the likeliest text: no penalties, nothing narrowed.
DECODING = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram": 0,
    "min_length": 1,
    "max_length": 100,
    "length_penalty": 1.0,
}

Pairs = list[tuple[str, str]]


def read_pairs(path: Path) -> Pairs:
    """(source, target) of every line."""
    pairs = [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise SystemExit(f"{path}: every line must be source TAB target")
    return pairs


def check_work(work: Path, recipe: Recipe, train: Pairs, valid: Pairs) -> None:
    """Remembers what this directory is for.

    Ends where it was begun for something else, whose weights would be taken for these.
    """
    facts = json.dumps(
        {**recipe._asdict(), "training_pairs": len(train), "validation_pairs": len(valid)}
    )
    path = work / "recipe.json"
    if path.exists() and path.read_text(encoding="utf-8") != facts:
        raise SystemExit(
            f"{work} was begun with {path.read_text(encoding='utf-8')}, not {facts}; "
            "name another --work"
        )
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(facts, encoding="utf-8")


def earlier_results(output: Path, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Those of the results file, if they were got by the same recipe."""
    held = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    return held["results"] if held.get("recipe") == recipe._asdict() else {}


def train_ours(model: str, args: argparse.Namespace, recipe: Recipe, train: Pairs) -> Path:
    """The run directory of `model`, trained by our command line; goes on where it was stopped."""
    directory = args.work / model
    if (directory / "trained").exists():
        return directory
    command = [sys.executable, ROOT / "train.py", "--output", directory, "--device", recipe.device]
    if (directory / "config.json").exists():
        command += ["--resume"]
    else:
        # A batch is a number of target tokens, so many as 64 pairs have; EOS counts.
        tokens = SCALE["batch"] * sum(len(target) + 1 for _, target in train) // len(train)
        command += [
            "--pairs",
            args.pairs,
            "--valid-pairs",
            args.valid_pairs,
            "--source-level",
            LEVELS[0],
            "--level",
            LEVELS[1],
            "--model",
            model,
            "--embedding-size",
            SCALE["embedding"],
            "--decoder-size",
            SCALE["decoder"],
            "--dropout",
            recipe.dropout,
            "--learning-rate",
            recipe.learning_rate,
            "--batch-tokens",
            tokens,
            "--max-steps",
            recipe.steps,
            "--validate-every",
            max(1, len(train) // SCALE["batch"]),
            "--patience",
            recipe.steps,
        ]
        command += ["--attention-size", SCALE["decoder"]] if model == "bahdanau" else []
    subprocess.run(
        [str(part) for part in command], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    (directory / "trained").touch()
    return directory


def translate_ours(directory: Path, recipe: Recipe, sources: list[str], beam: int) -> list[str]:
    """A translation of every source by a run directory."""
    output = directory / f"beam-{beam}.txt"
    if not output.exists():
        generator = Generator.load(directory, recipe.device)
        options = {
            **DECODING,
            **({"decoder": "greedy"} if beam == 1 else {"decoder": "beam", "beam_size": beam}),
        }
        lines = [
            generator.generate(source, **options).text.replace("\n", " ") for source in sources
        ]
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return output.read_text(encoding="utf-8").splitlines()


def translate_joeynmt(
    args: argparse.Namespace, recipe: Recipe, train: Pairs, valid: Pairs
) -> dict[int, list[str]]:
    """JoeyNMT's translations by beam, after its training."""
    directory, python = args.work / "joeynmt", install_joeynmt.interpreter(args.joeynmt)
    directory.mkdir(parents=True, exist_ok=True)
    joeynmt.write_files(directory, "train", train, LEVELS)
    joeynmt.write_files(directory, "valid", valid, LEVELS)
    joeynmt.train(python, directory, recipe, len(train))
    return {beam: joeynmt.translate(python, directory, recipe, beam) for beam in BEAMS}


def score(found: list[str], expected: list[str]) -> dict[str, Any]:
    """BLEU of sacrebleu's Chinese tokens, and chrF; one reference each."""
    if len(found) != len(expected):
        raise SystemExit(
            f"{len(found)} translations of {len(expected)} sources; "
            "remove that beam-*.txt and start again"
        )
    bleu = sacrebleu.BLEU(tokenize="zh")
    return {
        "bleu": bleu.corpus_score(found, [expected]).score,
        "chrf": sacrebleu.CHRF().corpus_score(found, [expected]).score,
        "exact": sum(one == other for one, other in zip(found, expected, strict=True))
        / len(expected),
        "signature": str(bleu.get_signature()),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row a contestant."""
    rows = ["| | BLEU greedy | BLEU beam 5 | chrF greedy | chrF beam 5 |", "|---|--:|--:|--:|--:|"]
    for name, by_beam in results.items():
        cells = [by_beam[str(beam)][measure] for measure in ("bleu", "chrf") for beam in BEAMS]
        rows.append(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Trains, translates and prints the table; goes on with what was done before."""
    contestants = (*OURS, "joeynmt")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=Path, required=True, help="training pairs, source TAB target"
    )
    parser.add_argument("--valid-pairs", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=contestants, default=contestants)
    parser.add_argument("--steps", type=int, default=3510)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="of everybody (default: as torch decides)")
    parser.add_argument("--samples", type=int, default=0, help="show so many translations of each")
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "checkpoints" / "translation",
        help="where what is done is kept",
    )
    parser.add_argument(
        "--joeynmt", type=Path, default=install_joeynmt.DEFAULT, help="its environment"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "translation.json"
    )
    args = parser.parse_args()
    args.work = args.work.resolve()
    if args.threads:
        torch.set_num_threads(args.threads)
        os.environ["OMP_NUM_THREADS"] = str(args.threads)  # for those who are called
    recipe = Recipe(args.steps, args.learning_rate, args.dropout, args.device)
    train, valid = read_pairs(args.pairs), read_pairs(args.valid_pairs)
    sources, expected = [source for source, _ in valid], [target for _, target in valid]
    check_work(args.work, recipe, train, valid)
    results = earlier_results(args.output, recipe)
    for name in args.only:
        if name == "joeynmt":
            found = translate_joeynmt(args, recipe, train, valid)
        else:
            directory = train_ours(name, args, recipe, train)
            found = {beam: translate_ours(directory, recipe, sources, beam) for beam in BEAMS}
        for source, *texts in list(zip(sources, *found.values(), expected, strict=True))[
            : args.samples
        ]:
            print(f"{name}: {source}", *texts, sep="\n  ")
        results[name] = {str(beam): score(texts, expected) for beam, texts in found.items()}
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(
            json.dumps(
                {
                    "machine": describe_machine(torch.device(args.device)),
                    "recipe": recipe._asdict(),
                    "training_pairs": len(train),
                    "validation_pairs": len(valid),
                    "sizes": SCALE,
                    "results": results,
                },
                ensure_ascii=False,
                indent=1,
            )
            + "\n",
            encoding="utf-8",
        )
        args.output.with_suffix(".md").write_text(table(results), encoding="utf-8")
    print(table(results), end="")


if __name__ == "__main__":
    main()
