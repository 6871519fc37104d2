"""Makes the base model of checkpoints/base from a folder of novels: see recipes/base.md.

    python recipes/base.py NOVELS --round 1 --minutes 120

A round is a corpus of about fifteen million characters: every modern novel whole, and a third of
every classical one, so that both give about half of what is read. The three rounds take the three
thirds in turn. A round starts from the weights that are shipped, where there are any.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

ROUNDS = 3

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
    """Builds the corpus of a round and trains on it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("novels", type=Path, help="folder of .txt files, with folders in it")
    parser.add_argument("--round", type=int, default=1, choices=range(1, ROUNDS + 1))
    parser.add_argument("--corpus", type=Path, required=True, help="where the round's corpus goes")
    arguments = parser.parse_args()
    modern = classical = 0
    arguments.corpus.mkdir(parents=True, exist_ok=True)
    for place, path in enumerate(chosen_files(arguments.novels)):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        is_modern = path.stem.startswith(MODERN)
        if not is_modern:
            lines = third(lines, arguments.round + place)
        (arguments.corpus / path.name).write_text("".join(lines), encoding="utf-8")
        characters = sum(map(len, lines))
        if is_modern:
            modern += characters
        else:
            classical += characters
    print(f"modern: {modern:,} characters; classical: {classical:,}")


def chosen_files(folder: Path) -> Iterator[Path]:
    """The novels that the base learns from, in the order of their names."""
    excluded = HONGLOUMENG + ZERO_SHOT + LEFT_OUT
    for path in sorted(folder.rglob("*.txt"), key=lambda path: path.name):
        name = path.relative_to(folder).as_posix()
        if any(part in name for part in (*NOT_FREE, *excluded)):
            continue
        yield path


def third(lines: list[str], number: int) -> list[str]:
    """The lines of one third of a novel; `number` counts on beyond three."""
    first = number % ROUNDS
    return lines[len(lines) * first // ROUNDS : len(lines) * (first + 1) // ROUNDS]


if __name__ == "__main__":
    main()
