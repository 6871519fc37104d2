"""Mistakes that a visitor can mend, as the page tells them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from novelgen.errors import NovelgenError

# What the page calls the options of the command line, which the messages name: Chinese, English.
LABELS = {
    "--prompt": ("上文", "Prompt"),
    "--prefix": ("下一段的开头", "Opening of the next paragraph"),
    "--decoder": ("解码", "Decoder"),
    "--temperature": ("温度", "Temperature"),
    "--top-p": ("核采样 top-p", "Top-p"),
    "--top-k": ("前 k 个 top-k", "Top-k"),
    "--min-p": ("最低概率 min-p", "Min-p"),
    "--beam-size": ("束宽", "Beam size"),
    "--length-penalty": ("长度归一", "Length penalty"),
    "--num-samples": ("候选", "Candidates"),
    "--n-best": ("候选", "Candidates"),
    "--repetition-penalty": ("重复惩罚", "Repetition penalty"),
    "--no-repeat-ngram": ("不重复的词组", "No-repeat n-gram"),
    "--max-length": ("最长", "Max length"),
    "--paragraphs": ("连写几段", "Paragraphs in one go"),
    "--seed": ("种子", "Seed"),
}
_OPTION = re.compile(r"--[a-z]+(?:-[a-z]+)*")


@contextmanager
def errors_as_toasts() -> Iterator[None]:
    """A mistake that the user can mend becomes one toast, as text; so does a failure, whose cause the log has."""
    try:
        yield
    except NovelgenError as error:
        raise gr.Error(
            html.escape(as_on_the_page(str(error)), quote=False),
            title="做不到 | Not possible",
            print_exception=False,
        ) from None
    except gr.Error:
        raise
    except Exception as error:  # of which gradio itself would say nothing on the page
        raise gr.Error(
            "程序出错了，原因在日志里 | the program failed; its log has the cause",
            title="出错 | Error",
        ) from error


def as_on_the_page(message: str) -> str:
    """A message, "中文 | English", with the page's own names for options; what the page does not have stays."""
    halves = message.split(" | ", 1)
    return " | ".join(
        _OPTION.sub(lambda option, place=place: _named(option[0], place), half)
        for place, half in enumerate(halves)
    )


def _named(option: str, language: int) -> str:
    return f"“{LABELS[option][language]}”" if option in LABELS else option
