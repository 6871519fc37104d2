"""The model as a drawing: its parts in the order of the data, with their sizes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from novelgen.config import ModelConfig
from novelgen.i18n import _
from novelgen.models.zoo import annotation_size, attends, resolve
from novelgen.report.card import score_name
from novelgen.report.fonts import figure_language, font_properties

_ENCODER = "#dbe7f3"
_ATTENTION = "#f6e3c8"
_DECODER = "#dcefdc"
_OUTPUT = "#eee3f3"
_WIDTH, _HEIGHT = 2.6, 0.62  # of a box, in inches as all lengths here
_LEFT, _RIGHT = 1.6, 5.0  # where the two columns have their middle


def architecture_figure(config: ModelConfig, vocabulary: int) -> Figure:
    """The source's way on the left, the target's on the right, attention between them."""
    model = resolve(config)
    figure = Figure(figsize=(6.6, 4.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 6.6)
    axes.set_ylim(0, 4.6)
    axes.axis("off")
    with figure_language():
        if model.encoder_layers:
            _draw_encoder(axes, model, vocabulary)
        _draw_decoder(axes, model, vocabulary)
    return figure


def _draw_encoder(axes: Axes, model: ModelConfig, vocabulary: int) -> None:
    cell = (model.cell or "transformer").upper()
    if model.bidirectional:
        layer = _("bidirectional {cell}, {layers} × (2 × {size})")
    else:
        layer = _("{cell}, {layers} × {size}")
    encoder = layer.format(
        cell=cell, layers=model.encoder_layers, size=model.encoder_size or model.embedding_size
    )
    embedding = _("embedding {vocabulary} × {size}").format(
        vocabulary=f"{vocabulary:,}", size=model.embedding_size
    )
    _text(axes, _LEFT, 0.3, _("source $x_1, \\ldots, x_S$"))
    _box(axes, _LEFT, 0.95, embedding, _ENCODER)
    _box(axes, _LEFT, 1.95, encoder, _ENCODER)
    _arrow(axes, (_LEFT, 0.42), (_LEFT, 0.64))
    _arrow(axes, (_LEFT, 1.26), (_LEFT, 1.64))
    # What the decoder gets of the source.
    if attends(model):
        memory = _("annotations $h_j$, S × {size}").format(
            size=annotation_size(model) if model.cell else model.embedding_size
        )
        score = score_name(model.score) if model.score else _("scaled dot product")
        attention = _("attention ({score}): $\\alpha_{{ij}}, c_i$").format(score=score)
        _arrow(axes, (_LEFT, 2.26), (_LEFT, 2.74))
        _text(axes, _LEFT + 0.08, 2.5, memory, align="left")
        _box(axes, _LEFT, 3.05, attention, _ATTENTION)
        _arrow(axes, (_LEFT + _WIDTH / 2, 3.05), (_RIGHT - _WIDTH / 2, 2.1))
    else:
        once = _("the last state")
        if model.context == "every-step":
            once = _("one vector, at every step")
        _text(axes, (_LEFT + _RIGHT) / 2, 2.3, once)
    if model.cell:
        _arrow(axes, (_LEFT + _WIDTH / 2, 1.95), (_RIGHT - _WIDTH / 2, 1.95))


def _draw_decoder(axes: Axes, model: ModelConfig, vocabulary: int) -> None:
    cell = (model.cell or "transformer").upper()
    size = model.decoder_size if model.cell else model.embedding_size
    decoder = _("{cell} decoder, {layers} × {size}").format(
        cell=cell, layers=model.decoder_layers, size=size
    )
    embedding = _("embedding, the same {size}").format(size=model.embedding_size)
    readout = _("readout $t_i$, {size}").format(size=model.embedding_size)
    output = _("softmax over {vocabulary} symbols").format(vocabulary=f"{vocabulary:,}")
    _text(axes, _RIGHT, 0.3, _("token before, {token}").format(token="$y_{i-1}$"))
    for height, text, colour in (
        (0.95, embedding, _DECODER),
        (1.95, decoder, _DECODER),
        (2.95, readout, _OUTPUT),
        (3.75, output, _OUTPUT),
    ):
        _box(axes, _RIGHT, height, text, colour)
    _arrow(axes, (_RIGHT, 0.42), (_RIGHT, 0.64))
    for bottom, top in ((0.95, 1.95), (1.95, 2.95), (2.95, 3.75)):
        _arrow(axes, (_RIGHT, bottom + _HEIGHT / 2), (_RIGHT, top - _HEIGHT / 2))
    _arrow(axes, (_RIGHT, 4.06), (_RIGHT, 4.25))
    _text(axes, _RIGHT, 4.4, r"$p(y_i \mid y_{<i}, x)$")


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = FancyBboxPatch(
        (x - _WIDTH / 2, y - _HEIGHT / 2),
        _WIDTH,
        _HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=colour,
        edgecolor="#666666",
        linewidth=0.8,
    )
    axes.add_patch(box)
    _text(axes, x, y, text)


def _text(axes: Axes, x: float, y: float, text: str, align: str = "center") -> None:
    font = font_properties()
    font.set_size(8.5)
    axes.text(x, y, text, ha=align, va="center", fontproperties=font)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": "#444444", "lw": 1.0}
    )
