"""The tab 对比 Compare: one prompt over a grid of runs, decoders and temperatures, as a table to keep."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.context import Context

from novelgen.config import DecodingConfig
from novelgen.errors import ConfigError, NovelgenError
from novelgen.evaluation.grid import Cell, Row, cells, fill
from novelgen.report.tables import COMPARISON, comparison, shown, to_csv, to_markdown
from novelgen.training.stores import ready_data
from novelgen.web import limits
from novelgen.web.controls import seed_of
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.language import both
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.writing_tab import Writing

_CELLS = 60  # of one table
_TEMPERATURES = ("0.5", "0.8", "1.0", "1.2")
_DECODERS = {
    "sample": both("采样", "sample"),
    "beam": both("束搜索", "beam search"),
    "greedy": both("贪心", "greedy"),
}
_WIDTHS = (114, 74, 104, 452, 84, 80, 84, 88, 112)  # pixels; a phone scrolls
_PACE = 0.25  # seconds between two looks of a growing table
_SAVE = Path(__file__).with_name("static") / "save.js"
_LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_FILES: dict[str, Callable[[Sequence[str], Iterable[Sequence[Any]]], str]] = {
    "csv": to_csv,
    "md": to_markdown,
}
_TYPES = {"csv": "text/csv;charset=utf-8", "md": "text/markdown;charset=utf-8"}


class _Request(NamedTuple):
    """A table to be made."""

    prompt: str
    grid: list[Cell]
    seed: int
    notes: list[str]


class _Made(NamedTuple):
    """A table as far as it has come."""

    request: _Request | None = None
    rows: tuple[Row, ...] = ()  # the finished ones


class _Parts(NamedTuple):
    """The components of the tab."""

    prompt: gr.Textbox
    take: gr.Button
    runs: gr.Dropdown
    decoders: gr.CheckboxGroup
    temperatures: gr.Dropdown
    seed: gr.Textbox
    start: gr.Button
    stop: gr.Button
    status: gr.Textbox
    table: gr.Dataframe
    files: dict[str, gr.Button]
    saver: gr.HTML

    @property
    def inputs(self) -> list[gr.Component]:
        return [self.prompt, self.runs, self.decoders, self.temperatures, self.seed]


def build(shelf: ModelRegistry, run: gr.Dropdown, writing: Writing) -> None:
    """Makes the tab where it is called. `run` is the run to begin with, `writing` has the manuscript."""
    parts = _layout(shelf, run)
    made = gr.State(_Made())
    outputs = [parts.table, parts.status, made]

    def compare(*values: Any) -> Iterator[tuple]:
        with errors_as_toasts():
            yield from _written(shelf, _request(shelf, *values))

    begun = parts.start.click(
        compare,
        parts.inputs,
        outputs,
        **limits.TURN,
        show_progress_on=parts.status,
        api_visibility="private",
    )
    # Only when the writing has ended can no row come any more.
    ended = parts.stop.click(lambda: None, cancels=[begun], **_LIGHT)
    ended.then(_stopped, made, [parts.table, parts.status], **_LIGHT)
    for kind, button in parts.files.items():
        button.click(_saver(kind), made, parts.saver, **_LIGHT)
    parts.take.click(lambda text: (text or "").strip(), writing.manuscript, parts.prompt, **_LIGHT)
    gr.on(
        [run.change, Context.root_block.load],
        lambda chosen, picked: _choices(shelf, chosen, picked),
        [run, parts.runs],
        parts.runs,
        **_LIGHT,
    )
    parts.runs.focus(lambda: gr.update(choices=list(shelf.runs())), None, parts.runs, **_LIGHT)


def _layout(shelf: ModelRegistry, run: gr.Dropdown) -> _Parts:
    with gr.Row(elem_id="compare-ask"):
        with gr.Column(scale=3, min_width=300):
            prompt = gr.Textbox(
                label=both("上文", "Prompt"),
                lines=6,
                max_lines=12,
                elem_id="compare-prompt",
                placeholder=both("模型接着这一段写", "the paragraph that the models go on from"),
            )
            take = gr.Button(
                both("取写作页的稿子", "Take the manuscript"), size="sm", elem_id="compare-take"
            )
        with gr.Column(scale=2, min_width=300):
            runs = gr.Dropdown(
                list(shelf.runs()),
                value=[run.value] if run.value else [],
                multiselect=True,
                filterable=False,
                label=both("模型", "Models"),
                elem_id="compare-runs",
            )
            decoders = gr.CheckboxGroup(
                [(word, name) for name, word in _DECODERS.items()],
                value=list(_DECODERS),
                label=both("解码", "Decoders"),
                elem_id="compare-decoders",
            )
            temperatures = gr.Dropdown(
                list(_TEMPERATURES),
                value=list(_TEMPERATURES[:3]),
                multiselect=True,
                allow_custom_value=True,
                label=both(
                    "温度（只用于采样；可以自己填）", "Temperatures (of sampling; type your own)"
                ),
                elem_id="compare-temperatures",
            )
            seed = gr.Textbox(
                label=both("种子", "Seed"),
                placeholder=both("随机", "random"),
                max_lines=1,
                elem_id="compare-seed",
            )
    with gr.Row(elem_id="compare-buttons"):
        start = gr.Button(
            both("开始对比", "Run the comparison"),
            variant="primary",
            min_width=100,
            elem_id="compare-start",
        )
        stop = gr.Button(
            both("停止", "Stop"), variant="stop", min_width=100, elem_id="compare-stop"
        )
        files = {
            "csv": gr.Button(
                both("下载 CSV", "Download CSV"), min_width=100, elem_id="compare-csv"
            ),
            "md": gr.Button(
                both("下载 Markdown", "Download Markdown"),
                min_width=100,
                elem_id="compare-markdown",
            ),
        }
    status = gr.Textbox(
        label=both("进度", "Progress"), interactive=False, max_lines=3, elem_id="compare-status"
    )
    table = gr.Dataframe(
        headers=list(COMPARISON),
        datatype="str",
        type="array",
        interactive=False,
        wrap=True,
        row_count=0,
        column_widths=list(_WIDTHS),
        label=both("结果", "Results"),
        max_height=700,
        elem_id="compare-table",
    )
    gr.Markdown(
        both(
            "对数概率是自然对数、模型自己给的（温度 1，不加任何规则），含段末，除以字数。抄袭率是文本里的八元组（连续八个字）在"
            "训练文本中出现过的比例；训练文本不在时为“—”。未列出的设置都用默认值。",
            "Log-probabilities are natural and the model's own (temperature 1, no rules), the end of the paragraph "
            "included, divided by characters. Copied is the share of the text's 8-character strings that occur in the "
            "training text; “—” where that is not there. All other settings are at their defaults.",
        ),
        elem_id="compare-words",
    )
    saver = gr.HTML(
        None,
        html_template="",
        js_on_load=_SAVE.read_text(encoding="utf-8"),
        visible="hidden",
        elem_id="compare-saver",
    )
    return _Parts(
        prompt, take, runs, decoders, temperatures, seed, start, stop, status, table, files, saver
    )


def _choices(shelf: ModelRegistry, chosen: str | None, picked: Sequence[str]) -> Any:
    """The runs that are there; a choice of several stays, a single one follows the page's."""
    names = list(shelf.runs())
    kept = [name for name in picked or () if name in names]
    return gr.update(
        choices=names, value=kept if len(kept) > 1 or chosen not in names else [chosen]
    )


def _request(
    shelf: ModelRegistry,
    prompt: str | None,
    runs: Sequence[str] | None,
    decoders: Sequence[str] | None,
    temperatures: Sequence[str] | None,
    seed: str | None,
) -> _Request:
    """What was asked for, where a program may leave out anything; raises ConfigError for what cannot be, and CheckpointError
    for a run that has gone.
    """
    prompt, runs, decoders = prompt or "", runs or (), decoders or ()
    if not prompt.strip():
        raise ConfigError(
            "请先填上文，或取写作页的稿子 | give a prompt first, or take the manuscript"
        )
    for name in runs:
        shelf.run(name)
    grid = cells(
        list(runs), [name for name in _DECODERS if name in decoders], _numbers(temperatures or ())
    )
    if not grid:
        raise ConfigError(
            "请至少选一个模型和一种解码；采样还要有温度 | choose at least one model and one decoder; sampling needs a "
            "temperature as well"
        )
    if len(grid) > _CELLS:
        raise ConfigError(
            f"共 {len(grid)} 格，一张表最多 {_CELLS} 格；请少选几项 | {len(grid)} cells are too many for one table (at most "
            f"{_CELLS}); choose fewer"
        )
    wanted, cut = seed_of(seed), len(prompt) - limits.PROMPT
    notes = (
        [f"只用最后 {limits.PROMPT:,} 字 | only the last {limits.PROMPT:,} characters are used"]
        if cut > 0
        else []
    )
    return _Request(
        prompt[max(cut, 0) :], grid, secrets.randbelow(2**32) if wanted is None else wanted, notes
    )


def _numbers(temperatures: Sequence[str]) -> list[float]:
    """The temperatures as typed, each once, in rising order."""
    found = set()
    for typed in temperatures:
        try:
            found.add(DecodingConfig(temperature=float(typed)).temperature)
        except (ValueError, TypeError, OverflowError, ConfigError):
            raise ConfigError(
                f"温度 {str(typed)[:20]!r} 不行，应是大于 0、不超过 100 的数 | a temperature must be a number above 0 and at "
                "most 100"
            ) from None
    return sorted(found)


def _training(shelf: ModelRegistry, name: str) -> Iterator[str] | None:
    """The lines that a run was trained on; None where they are gone."""
    try:
        run = shelf.run(name)
        data = ready_data(run.path, run.load_info())
        return None if data is None else data.targets("train")
    except NovelgenError:
        return None


def _written(shelf: ModelRegistry, request: _Request) -> Iterator[tuple]:
    """Values for the table, the status and what is made, several times a second."""
    made = _Made(request)
    told = time.monotonic()
    yield _values(made)
    with closing(
        fill(
            request.grid,
            request.prompt,
            request.seed,
            shelf.generator,
            lambda name: _training(shelf, name),
        )
    ) as stream:
        for row in stream:
            if row.finished:
                made = made._replace(rows=(*made.rows, row))
            elif time.monotonic() - told < _PACE:
                continue
            told = time.monotonic()
            yield _values(made, () if row.finished else (row,))


def _values(made: _Made, growing: Sequence[Row] = ()) -> tuple:
    return (
        [*_readable(made.rows), *_readable(row._replace(finished=True) for row in growing)],
        _line(made),
        made,
    )


def _readable(rows: Iterable[Row]) -> list[list[str]]:
    return [[shown(value) for value in line] for line in comparison(rows)]


def _is_whole(made: _Made) -> bool:
    return made.request is not None and len(made.rows) == len(made.request.grid)


def _line(made: _Made) -> str:
    request, done = made.request, len(made.rows)
    notes = "".join(f"\n{note}" for note in request.notes)
    if _is_whole(made):
        return f"完成 done · {done}/{done} · 种子 seed {request.seed}{notes}"
    cell = request.grid[done]
    temperature = "" if cell.temperature is None else f" {cell.temperature:g}"
    return f"{done}/{len(request.grid)} · {cell.run} · {cell.decoder}{temperature} · 种子 seed {request.seed}{notes}"


def _stopped(made: _Made) -> tuple:
    """The table without the text that was broken off, and the status."""
    if made.request is None or _is_whole(made):
        return gr.skip(), gr.skip()
    return _readable(made.rows), f"已停止 stopped · {_line(made)}"


def _saver(kind: str) -> Callable[[_Made], dict[str, str]]:
    def save(made: _Made) -> dict[str, str]:
        if not made.rows:
            raise gr.Error(
                "还没有结果可下载 | there are no results to download yet", print_exception=False
            )
        # The time makes two downloads of the same table two events.
        return {
            "name": f"novelgen-{time.strftime('%Y%m%d-%H%M%S')}.{kind}",
            "type": _TYPES[kind],
            "text": _FILES[kind](COMPARISON, comparison(made.rows)),
        }

    return save
