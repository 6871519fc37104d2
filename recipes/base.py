"""Makes the base model of checkpoints/base from a folder of novels: see recipes/base.md.

    python recipes/base.py NOVELS WORK --round 1 --minutes 100

A round is a corpus of about fourteen million characters: every modern novel whole, and a third of
every classical one, so that both give about half of what is read. The rounds take the three thirds
in turn. All but the first begin with the weights that are shipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import novelgen
from novelgen.config import NO_INIT
from novelgen.shipped import shipped_base
from novelgen.training.run_directory import RunDirectory

THIRDS = 3
BASE = Path(__file__).resolve().parent.parent / "checkpoints" / "base"

OPTIONS = {
    "vocabulary_size": 6000,
    "context_paragraphs": 4,
    "dropout": 0.0,
    "batch_tokens": 3200,
    "warmup_steps": 100,
    "validate_every": 400,
    "save_every": 400,
    "patience": 1000,
    "ngram_order": 0,
}

# Never in the base: 红楼梦 and what continues it are what the project measures on.
HONGLOUMENG = ("hongloumeng", "honglou", "xinshitouji")
# Of authors who died after 1955, so not free everywhere.
NOT_FREE = ("laoshe_", "life50/")
# Left out to be measured on: one modern novel, two classical ones.
ZERO_SHOT = ("xiaohong_hulanhezhuan", "rulinwaishi", "liyu_shierlou")
# Coarse, full of unknown glyphs, or no fiction (essays, sketches, prose poems).
LEFT_OUT = (
    "liyu_lianchengbiwaibian",
    "lingmengchu_chukepaianjingqi",
    "lingmengchu_erkepaianjingqi",
    "rulinyiyin_yijiejing",
    "chensen_pinhuabaojian",
    "xizhousheng_xingshiyinyuanchuan",
    "jiangzuoqiaozi_qiaoshitongsuyanyi",
    "heshidaoren_xingfengliu",
    "huangshizhong_nianzaifanhuameng",
    "luxun_zhaohuaxishi",
    "luxun_yecao",
    "xudishan_luohuasheng",
    "shipingmei_ourancao",
)
# Modern prose by the beginning of a file's name, the author; all others are classical.
MODERN = (
    "chentianhua",
    "honglingfei",
    "jiangguangci",
    "laihe",
    "liangqichao",
    "lihanqiu",
    "liunaou",
    "luxun",
    "luyin",
    "mushiying",
    "pengjiahuang",
    "roushi",
    "shipingmei",
    "taojingsun",
    "xiamianzunyi",
    "xiaohong",
    "xudishan",
    "xuxiaotian",
    "xuzhimo",
    "yudafu",
)


def main() -> None:
    """Builds the corpus of a round, trains on it, and writes checkpoints/base."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("novels", type=Path, help="folder of .txt files, with folders in it")
    parser.add_argument("work", type=Path, help="folder for the corpus and the run")
    parser.add_argument("--round", type=int, default=1, help="counted from 1")
    parser.add_argument("--minutes", type=float, default=100)
    arguments = parser.parse_args()
    corpus = arguments.work / f"corpus{arguments.round}"
    run = arguments.work / f"round{arguments.round}"
    build_corpus(arguments.novels, corpus, arguments.round)
    init = NO_INIT
    if arguments.round > 1:
        init = str(shipped_base())
    novelgen.train(corpus, run, init=init, max_minutes=arguments.minutes, **OPTIONS)
    ship(run)


def build_corpus(novels: Path, corpus: Path, number: int) -> None:
    """Writes the corpus of a round, and prints what it holds of each kind."""
    corpus.mkdir(parents=True, exist_ok=True)
    characters = {"modern": 0, "classical": 0}
    for place, path in enumerate(chosen_files(novels)):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kind = "modern"
        if not path.stem.startswith(MODERN):
            kind = "classical"
            # Not the beginnings of all in the same round.
            lines = third(lines, number + place)
        (corpus / path.name).write_text("".join(lines), encoding="utf-8")
        characters[kind] += sum(map(len, lines))
    print(", ".join(f"{kind}: {count:,} characters" for kind, count in characters.items()))


def chosen_files(folder: Path) -> Iterator[Path]:
    """The novels that the base learns from, in the order of their names."""
    excluded = (*NOT_FREE, *HONGLOUMENG, *ZERO_SHOT, *LEFT_OUT)
    for path in sorted(folder.rglob("*.txt"), key=lambda path: path.name):
        name = path.relative_to(folder).as_posix()
        if not any(part in name for part in excluded):
            yield path


def third(lines: list[str], number: int) -> list[str]:
    """The lines of one third of a novel; `number` counts on beyond the three."""
    first = number % THIRDS
    return lines[len(lines) * first // THIRDS : len(lines) * (first + 1) // THIRDS]


def ship(path: Path, target: Path = BASE) -> None:
    """Writes the kept weights of a run in half precision, without what is of its corpus."""
    run = RunDirectory(path)
    info = run.load_info()
    weights = {}
    run.read_weights(weights.update)
    # Its corpus is Simplified, and so is what it is asked to go on from.
    config = info["config"].replace(init=NO_INIT, simplify=True)
    kept = {name: info[name] for name in ("tokenizer", "parameters", "best")}
    target.mkdir(parents=True, exist_ok=True)
    shipped = RunDirectory(target)
    shipped.save_model({name: tensor.half() for name, tensor in weights.items()})
    shipped.save_info({"config": config.to_dict(), **kept}, run.load_tokenizer(info))


if __name__ == "__main__":
    main()
