"""What a run is, on a card: the facts that a reader of its results needs, as short texts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from novelgen.config import Config, ModelConfig
from novelgen.data.pair_files import files_of
from novelgen.errors import CheckpointError
from novelgen.models.variants import resolve
from novelgen.training.checkpoint import RunDirectory

UNKNOWN = "—"
_TOKENIZERS = {"char": "按字 characters", "word": "按词 words"}
_CORPORA = 3  # named; of further ones the number
_NAME = 80  # characters of a name
_LARGEST = 1e15  # of any number; what is beyond is not of this world


class Card(NamedTuple):
    """The facts, Chinese and English together where they are words; "—" where config.json does not tell."""

    corpus: str
    tokenizer: str
    vocabulary: str
    architecture: str
    parameters: str
    steps: str  # of the weights that were kept
    validation_bpc: str  # of the weights that were kept
    date: str  # when they were written


def card(run: RunDirectory) -> Card:
    """Reads the card of a run. Raises CheckpointError when the run is damaged or gone."""
    info = run.load_info()
    try:
        return _facts(run, info)
    except (TypeError, ValueError, OverflowError, AttributeError):  # a size that is a text, say
        raise CheckpointError(
            f"{run.path.name}：config.json 里写的不像一个模型；请换备份或重新训练 | what config.json says is no model; "
            "restore a copy or train again"
        ) from None


def _facts(run: RunDirectory, info: Mapping[str, Any]) -> Card:
    config: Config = info["config"]
    best = info.get("best")
    best = best if isinstance(best, Mapping) else {}
    return Card(
        _corpus(info.get("corpus") or [*files_of(config.pairs).values()]),
        *_vocabulary(run, info),
        architecture(config.model),
        _number(info.get("parameters"), ",.0f"),
        _number(best.get("step"), ",.0f"),
        _number(best.get("validation_bpc"), ".3f"),
        _date(run),
    )


def _vocabulary(run: RunDirectory, info: Mapping[str, Any]) -> tuple[str, str]:
    """How text is cut, and into how many different tokens; for both sides where they differ."""
    tokenizer, source = run.load_tokenizer(info), run.load_source_tokenizer(info)
    if source is None:
        return _TOKENIZERS[tokenizer.kind], f"{tokenizer.size:,}"
    return (
        f"{_TOKENIZERS[source.kind]} → {_TOKENIZERS[tokenizer.kind]}",
        f"{source.size:,} → {tokenizer.size:,}",
    )


def architecture(model: ModelConfig) -> str:
    """The model in one line: its name, then its parts in the order in which the data goes through them."""
    model = resolve(model)
    kind = "Transformer" if model.model == "transformer" else model.cell.upper()
    stages = []
    if model.encoder_layers:
        directions = (
            "双向 " if model.bidirectional else "倒读 reversed " if model.reverse_source else ""
        )
        width = f"2×{model.encoder_size}" if model.bidirectional else f"{model.encoder_size}"
        stages.append(f"{directions}{kind} 编码器 encoder {width}{_layers(model.encoder_layers)}")
    if model.score:
        extras = [name for name in ("coverage", "copy") if getattr(model, name)]
        stages.append(
            " ".join(
                [
                    model.score,
                    "注意力 attention",
                    *([str(model.attention_size)] if model.attention_size else []),
                    *(f"+ {name}" for name in extras),
                ]
            )
        )
    if model.context == "every-step":
        stages.append("每步同一个向量 one vector at every step")
    stages.append(f"{kind} 解码器 decoder {model.decoder_size}{_layers(model.decoder_layers)}")
    return f"{model.model}：{' → '.join(stages)}；向量 embeddings {model.embedding_size}"


def _layers(count: int) -> str:
    return f"，{count} 层 layers" if count > 1 else ""


def _corpus(paths: Any) -> str:
    """The files' names; where they lie is nobody's business."""
    if not isinstance(paths, list) or not paths:
        return UNKNOWN
    names = [PurePath(str(path)).name[:_NAME] for path in paths]
    more = f" …（{len(names):,}）" if len(names) > _CORPORA else ""
    return "、".join(names[:_CORPORA]) + more


def _number(value: Any, form: str) -> str:
    is_number = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
    )  # no NaN either
    return format(value, form) if is_number else UNKNOWN


def _date(run: RunDirectory) -> str:
    try:
        written = (run.path / "model.safetensors").stat().st_mtime
    except OSError:
        return UNKNOWN
    return f"{datetime.datetime.fromtimestamp(written):%Y-%m-%d %H:%M}"
