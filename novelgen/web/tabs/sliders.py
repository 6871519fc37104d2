"""The sliders of how the model decodes: their words, their bounds and their steps."""

from __future__ import annotations

from typing import NamedTuple

from gradio.i18n import I18nData

from novelgen.web import limits
from novelgen.web.language import browser_text


class SliderSpec(NamedTuple):
    """A slider for one field of DecodingConfig."""

    name: str
    label: I18nData
    info: I18nData
    minimum: float
    maximum: float
    step: float


# In the order on the page. 1. Of sampling.
SLIDERS = (
    SliderSpec(
        "temperature",
        browser_text("Temperature"),
        browser_text("lower is safer, higher is wilder"),
        minimum=0.1,
        maximum=2.0,
        step=0.05,
    ),
    SliderSpec(
        "top_p",
        browser_text("Top-p"),
        browser_text("choose among the likeliest tokens that make up this probability; 1 is off"),
        minimum=0.05,
        maximum=1.0,
        step=0.01,
    ),
    SliderSpec(
        "top_k",
        browser_text("Top-k"),
        browser_text("choose among the k likeliest tokens; 0 is off"),
        minimum=0,
        maximum=200,
        step=1,
    ),
    SliderSpec(
        "min_p",
        browser_text("Min-p"),
        browser_text("drop tokens below this share of the likeliest one's probability; 0 is off"),
        minimum=0.0,
        maximum=0.5,
        step=0.01,
    ),
    # 2. Of beam search; several candidates are possible with sampling as well.
    SliderSpec(
        "beam_size",
        browser_text("Beam size"),
        browser_text("how many hypotheses are kept"),
        minimum=1,
        maximum=limits.BEAM,
        step=1,
    ),
    SliderSpec(
        "length_penalty",
        browser_text("Length penalty"),
        browser_text("higher prefers longer paragraphs"),
        minimum=0.0,
        maximum=2.0,
        step=0.1,
    ),
    SliderSpec(
        "num_samples",
        browser_text("Candidates"),
        browser_text("drafts side by side; with beam search the n best"),
        minimum=1,
        maximum=limits.CANDIDATES,
        step=1,
    ),
    # 3. Of all decoders.
    SliderSpec(
        "repetition_penalty",
        browser_text("Repetition penalty"),
        browser_text("makes what was just written less likely; 1 is off"),
        minimum=1.0,
        maximum=2.0,
        step=0.05,
    ),
    SliderSpec(
        "no_repeat_ngram",
        browser_text("No-repeat n-gram"),
        browser_text("no sequence of this many tokens is written twice; 0 is off"),
        minimum=0,
        maximum=10,
        step=1,
    ),
    SliderSpec(
        "max_length",
        browser_text("Max length"),
        browser_text("most tokens of a paragraph"),
        minimum=10,
        maximum=limits.LENGTH,
        step=10,
    ),
    SliderSpec(
        "ngram_weight",
        browser_text("N-gram weight"),
        browser_text("how much an n-gram model counts beside the network; 0 is off"),
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    ),
    SliderSpec(
        "cache_weight",
        browser_text("Cache weight"),
        browser_text("how much the words of the manuscript count beside the network; 0 is off"),
        minimum=0.0,
        maximum=1.0,
        step=0.05,
    ),
)
