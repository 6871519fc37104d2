"""What a run knows of novels that it has not seen, and what it writes from their paragraphs.

    python benchmarks/base_model.py --novel NOVEL … --training FOLDER …
    python benchmarks/base_model.py --run RUN --part test --training FOLDER

With --novel all pairs of each are measured; without, the run's own held-out part. Of the texts,
from sources spread over the pairs: repeated 4-grams, distinct-2, 8-grams copied from the run's own
training part and all lines of --training, and of the sources that name somebody, how often the text
names one of them, beside the true next paragraph. Names are the words that jieba tags as a person's
at least --least times in 2,000 paragraphs of the novel.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attention import PARAGRAPHS, names_in

from novelgen.api.evaluation import EvaluationData
from novelgen.api.evaluation_data import pairs_by_task
from novelgen.data.pairs import Pairs
from novelgen.data.passages import PassageIndex
from novelgen.data.split import PARTS
from novelgen.decoding.generator import Generator
from novelgen.evaluation.text import copied, distinct, repeated
from novelgen.evaluation.writing import spread
from novelgen.shipped import shipped_base
from novelgen.training.checkpoint import Run, load_run
from novelgen.training.hardware import describe_machine
from novelgen.training.loss import evaluate_loss
from novelgen.training.stores import data_of_run


def training_lines(run: Run, paths: Iterable[Path]) -> Iterator[str]:
    """What a run was trained on where it has its corpus, and the lines of files and folders."""
    if "corpus" in run.info:
        yield from data_of_run(run.directory.path, run.info).targets("train")
    for path in paths:
        for file in sorted(path.rglob("*.txt")) if path.is_dir() else [path]:
            yield from file.read_text(encoding="utf-8").splitlines()


def names_kept(sources: list[str], texts: list[str], names: list[str]) -> float:
    """Of the sources that name somebody, the share whose text names one of them too."""
    kept = []
    for source, text in zip(sources, texts, strict=True):
        named = [name for name in names if name in source]
        if named:
            kept.append(any(name in text for name in named))
    return sum(kept) / max(len(kept), 1)


def novel_texts(run: Run, pairs: Pairs, novel: Path | None) -> list[str]:
    """The paragraphs of a whole novel: of all parts of the run's own where none is given."""
    if novel is None:
        data = data_of_run(run.directory.path, run.info)
        return [text for part in PARTS for text in data.targets(part)]
    texts = pairs.texts(range(len(pairs)), run.tokenizer, run.source_tokenizer)
    return [target for _source, target in texts]


def write(
    run: Run, pairs: Pairs, names: list[str], arguments: argparse.Namespace
) -> dict[str, Any]:
    """What the texts from sources spread over the pairs are like."""
    generator = Generator.of(run, "float32")
    places = spread(pairs, arguments.texts)
    sources, truth = zip(*pairs.texts(places, run.tokenizer, run.source_tokenizer), strict=True)
    options = json.loads(arguments.decoding)
    started = time.perf_counter()
    texts = [
        generator.generate(source, **{"seed": number, **options}).text
        for number, source in enumerate(sources)
    ]
    seconds = time.perf_counter() - started
    joined = ["".join(source) for source in sources]
    found = {
        "texts": len(texts),
        "characters": sum(map(len, texts)),
        "seconds": seconds,
        "repeated_4grams": repeated(texts),
        "repeated_4grams_truth": repeated(truth),
        "distinct_2": distinct(texts, 2),
        "distinct_2_truth": distinct(truth, 2),
        "names_kept": names_kept(joined, texts, names),
        "names_kept_truth": names_kept(joined, list(truth), names),
    }
    training = PassageIndex.build(training_lines(run, arguments.training))
    found["copied_8grams"] = copied(texts, training)
    found["copied_8grams_truth"] = copied(truth, training)
    if arguments.show:
        for source, text in list(zip(joined, texts, strict=True))[: arguments.show]:
            print(f"> {source}\n{text}\n")
    return found


def main() -> None:
    """Prints the figures of every novel as a line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, default=shipped_base())
    parser.add_argument("--novel", type=Path, nargs="+", default=[])
    parser.add_argument("--part", choices=("train", "valid", "test"), default="test")
    parser.add_argument("--training", type=Path, nargs="+", default=[])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--show", type=int, default=0, help="texts that are printed")
    parser.add_argument("--decoding", default="{}", help="decoding options as JSON")
    parser.add_argument("--least", type=int, default=5)
    arguments = parser.parse_args()
    run = load_run(arguments.run, "cpu")
    print(json.dumps(describe_machine(run.device), ensure_ascii=False))
    for novel in arguments.novel or [None]:
        wanted = EvaluationData(arguments.part, [novel] if novel else [], None, None, None)
        pairs = next(iter(pairs_by_task(run, arguments.run, wanted, None).values()))
        loss = evaluate_loss(run.model, pairs, batch_tokens=6400, device=run.device)
        found = {"novel": novel.stem if novel else arguments.part, "pairs": len(pairs)}
        found["bits_per_character"] = loss.bits_per_character
        texts = novel_texts(run, pairs, novel)
        names = names_in(texts[:: -(-len(texts) // PARAGRAPHS)], arguments.least)
        found |= write(run, pairs, names, arguments)
        print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
