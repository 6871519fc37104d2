"""The folder of a comparison: table.md, table.csv and table.json, curves.png, by_length.png."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novelgen.errors import CheckpointError
from novelgen.evaluation.comparison import Result
from novelgen.report.comparison_figures import draw_by_length, draw_validations
from novelgen.report.tables import Value, to_csv, to_markdown
from novelgen.training.checkpoint import write_whole

FORMAT = 1
_NAMES = {
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "repeated_4grams": "重复四元组 repeated 4-grams",
    "bleu": "BLEU",
    "chrf": "chrF",
    "copied_8grams": "抄自训练文本的八元组 copied 8-grams",
}
_HEADING = (
    "训练 run",
    "模型 model",
    "分词 tokenizer",
    "种子 seed",
    "参数 parameters",
    "字/秒 characters/s",
    "步 steps",
    "分钟 minutes",
    "验证 BPC validation",
    "测试 BPC test",
    *_NAMES.values(),
)
DIFFERENT_TEXTS = "留出的文本不同，BPC 不能直接比较 | these runs were held to different texts, so that their BPC do not compare directly"


@dataclass
class Comparison:
    """What was asked, by name, and what came of it so far."""

    request: dict[str, Any]
    machines: list[
        dict[str, Any]
    ]  # more than one where it went on elsewhere, or with other versions
    prompts: list[str]
    results: list[Result] = field(default_factory=list)

    @property
    def same_texts(self) -> bool:
        """Whether all runs were measured on the same test part."""
        return len({result.held_out for result in self.results if result.held_out}) <= 1

    def save(self, folder: Path) -> None:
        """Writes all files anew, table.json first: it alone is what a comparison goes on from."""
        _write(
            folder / "table.json", json.dumps(self._to_dict(), ensure_ascii=False, indent=2) + "\n"
        )
        rows = [[*_row(result), *result.continuations] for result in self.results]
        prompts = [f"续写 after: {prompt}" for prompt in self.prompts]
        _write(folder / "table.csv", to_csv([*_HEADING, *prompts], rows))
        _write(folder / "table.md", self._markdown())
        measured = [result for result in self.results if not result.error]
        if measured:
            draw_validations(measured, folder / "curves.png")
            draw_by_length(measured, folder / "by_length.png", same_texts=self.same_texts)

    def _to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "request": self.request,
            "machines": self.machines,
            "prompts": self.prompts,
            "same_test_texts": self.same_texts,
            "runs": [dataclasses.asdict(result) for result in self.results],
        }

    def _markdown(self) -> str:
        """The tables for a report, with what a reader must know about them."""
        parts = [
            "# 比较 · Comparison\n",
            "".join(f"- {line}\n" for line in self._notes()),
            to_markdown(_HEADING, [_row(result) for result in self.results]),
        ]
        measured = [result for result in self.results if not result.error]
        if measured:
            parts += [
                "![验证 BPC validation BPC](curves.png)\n",
                "## 按源的字数的测试 BPC · Test BPC by characters of the source\n",
                _lengths_table(measured),
                "![按源的长度 by source length](by_length.png)\n",
                "## 同样的上文，各自续写 · The same prompts continued\n",
                to_markdown(
                    ["训练 run", *self.prompts],
                    [[result.name, *result.continuations] for result in measured],
                ),
            ]
        return "\n".join(parts)

    def _notes(self) -> list[str]:
        asked = "，".join(
            f"{name} {_shown(value)}"
            for name, value in self.request.items()
            if value and name != "content"
        )
        machines = [
            "，".join(f"{name} {value}" for name, value in machine.items())
            for machine in self.machines
        ]
        where = (
            "在此量，未必在此训练 measured on, trained perhaps elsewhere"
            if "runs" in self.request
            else "机器 machine"
        )
        notes = [
            f"请求 request：{asked}",
            *(f"{where}：{machine}" for machine in machines),
            "BPC 越低越好，在留出的测试章上量，用验证最好的权重；速度不含验证 | BPC, lower is better, is of the held-out test "
            "chapters and the weights that did best in validation; the speed leaves validations out",
        ]
        measured = next((result for result in self.results if result.by_length), None)
        if len(machines) > 1:
            notes.append(
                "不都在同一台机器、同样的版本上训练，速度和分钟不可比 | not all trained on one machine with the same "
                "versions: speed and minutes do not compare"
            )
        if not self.same_texts:
            notes.append(DIFFERENT_TEXTS)
        elif measured:
            pairs, characters = (
                sum(getattr(found, name) for found in measured.by_length)
                for name in ("pairs", "characters")
            )
            notes.append(f"测试部分 test part：{pairs:,} 对 pairs，{characters:,} 字 characters")
        return notes + [f"{result.name}：{result.error}" for result in self.results if result.error]


def load_comparison(folder: Path) -> Comparison | None:
    """The comparison that a folder holds; None where there is none. Raises CheckpointError when its file is damaged."""
    path = folder / "table.json"
    if not path.exists():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] == FORMAT:
            return Comparison(
                data["request"],
                data["machines"],
                data["prompts"],
                [Result.from_dict(run) for run in data["runs"]],
            )
    raise CheckpointError(
        f"{path}：已损坏，或不是这个版本的比较；请换一个 --output | damaged, or no comparison of this version; choose "
        "another --output"
    )


def _row(result: Result) -> list[Value]:
    rate = result.characters_per_second
    return [
        result.name,
        result.model,
        result.tokenizer,
        result.seed,
        result.parameters,
        None if rate is None else round(rate),
        result.steps,
        result.minutes,
        result.validation_bpc,
        result.test_bpc,
        *(result.writing.get(name) for name in _NAMES),
    ]


def _lengths_table(results: Sequence[Result]) -> str:
    labels = {found.shortest: found.label for result in results for found in result.by_length}
    rows = []
    for result in results:
        cells = {found.shortest: f"{found.bpc:.3f} ({found.pairs:,})" for found in result.by_length}
        rows.append([result.name, *(cells.get(shortest) for shortest in sorted(labels))])
    return to_markdown(
        ["训练 run（对数 pairs）", *(labels[shortest] for shortest in sorted(labels))], rows
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
