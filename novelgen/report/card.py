"""What a run is, on a card: the facts that a reader of its results needs, as short texts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from novelgen.config import Config, ModelConfig
from novelgen.data.pair_files import files_of
from novelgen.data.prepare import shown_name
from novelgen.errors import CheckpointError
from novelgen.i18n import N_, _, join_list, ngettext
from novelgen.models.zoo import resolve
from novelgen.training.run_directory import RunDirectory

UNKNOWN = "—"
_TOKENIZERS = {"char": N_("by characters"), "word": N_("by words")}
_CORPORA = 3  # files that are named; of further ones the number
_NAME = 80  # characters of a file's name
_LARGEST = 1e15  # of any number; a larger one cannot be right


class Card(NamedTuple):
    """The facts, in the reader's language; "—" where config.json does not tell."""

    corpus: str
    tokenizer: str
    vocabulary: str
    architecture: str
    parameters: str
    steps: str  # of the weights that were kept
    validation_bpc: str  # of the weights that were kept
    ngram_weight: str  # the best one beside them
    date: str  # when they were written


def card(run: RunDirectory) -> Card:
    """Reads the card of a run. Raises CheckpointError when the run is damaged or gone."""
    info = run.load_info()
    try:
        return _facts(run, info)
    except (TypeError, ValueError, OverflowError, AttributeError):  # a size that is a text, say
        raise CheckpointError(
            _("{run}: what config.json says is no model; restore a copy or train again").format(
                run=run.path.name
            )
        ) from None


def headline(run: RunDirectory) -> str:
    """What tells a run from others in a list: its validation and its date.

    Raises CheckpointError when the run is damaged or gone.
    """
    info = run.load_info()
    if is_unvalidated(info):
        return f"{_('never validated')} · {_date(run)}"
    bpc = _number(info["best"]["validation_bpc"], ".3f")
    return f"{bpc} BPC · {_date(run)}"


def is_unvalidated(info: Mapping[str, Any]) -> bool:
    """Whether nobody has measured the weights of a run, by the content of its config.json."""
    best = info.get("best")
    return not isinstance(best, Mapping) or _number(best.get("validation_bpc"), "g") == UNKNOWN


def _facts(run: RunDirectory, info: Mapping[str, Any]) -> Card:
    config: Config = info["config"]
    # A run in training has saved no best weights yet.
    best = info.get("best")
    if not isinstance(best, Mapping):
        best = {}
    tokenizer, vocabulary = _vocabulary(run, info)
    corpus = _corpus(info.get("corpus") or [*files_of(config.pairs).values()])
    if "corpus" not in info and not config.from_pairs:
        corpus = _("did not come with the model")
    return Card(
        corpus=corpus,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        architecture=architecture(config.model),
        parameters=_number(info.get("parameters"), ",.0f"),
        steps=_number(best.get("step"), ",.0f"),
        validation_bpc=_validation(best),
        ngram_weight=_number(info.get("ngram", {}).get("weight"), "g"),
        date=_date(run),
    )


def _validation(best: Mapping[str, Any]) -> str:
    """The best validation, and whether it is that of a sample."""
    value = _number(best.get("validation_bpc"), ".3f")
    if best.get("is_sample") is True:
        value = _("{bpc} (of a sample)").format(bpc=value)
    return value


def _vocabulary(run: RunDirectory, info: Mapping[str, Any]) -> tuple[str, str]:
    """How text is cut, and into how many different tokens; for both sides where they differ."""
    tokenizer = run.load_tokenizer(info)
    source = run.load_source_tokenizer(info)
    kind = _(_TOKENIZERS[tokenizer.kind])
    if source is None:
        return kind, f"{tokenizer.size:,}"
    source_kind = _(_TOKENIZERS[source.kind])
    return f"{source_kind} → {kind}", f"{source.size:,} → {tokenizer.size:,}"


# Of ModelConfig.score.
_SCORES = {
    "additive": N_("additive"),
    "concat": N_("concat"),
    "dot": N_("dot"),
    "general": N_("general"),
}


def architecture(model: ModelConfig) -> str:
    """The model in one line: its name, then its parts in the order of the data through them."""
    # A variant's own choices, such as its cell, are filled in.
    model = resolve(model)
    # What has no recurrent cell is a Transformer.
    cell = model.cell.upper() if model.cell else "Transformer"
    stages = []
    if model.encoder_layers:
        stages.append(_with_layers(_encoder(model, cell), model.encoder_layers))
    if model.score:
        stages.append(_attention(model))
    if model.context == "every-step":
        stages.append(_("the same vector at every step"))
    decoder = _("{cell} decoder {size}").format(cell=cell, size=model.decoder_size)
    stages.append(_with_layers(decoder, model.decoder_layers))
    return _("{model}: {stages}; embeddings {size}").format(
        model=model.model, stages=" → ".join(stages), size=model.embedding_size
    )


def _encoder(model: ModelConfig, cell: str) -> str:
    if model.bidirectional:
        part = _("bidirectional {cell} encoder 2×{size}")
    elif model.reverse_source:
        part = _("{cell} encoder {size} of the reversed source")
    else:
        part = _("{cell} encoder {size}")
    return part.format(cell=cell, size=model.encoder_size)


def score_name(score: str) -> str:
    """What a score of `ModelConfig` is called; one that is not in the table, by its option."""
    return _(_SCORES.get(score, score))


def _attention(model: ModelConfig) -> str:
    score = score_name(model.score or "")
    if model.attention_size:
        part = _("{score} attention {size}").format(score=score, size=model.attention_size)
    else:
        part = _("{score} attention").format(score=score)
    # What is added to it has the names of its options.
    extras = [name for name in ("coverage", "copy") if getattr(model, name)]
    return " + ".join([part, *extras])


def _with_layers(part: str, count: int | None) -> str:
    """A part of the model, with its number of layers where it has several."""
    if count is None or count <= 1:
        return part
    return ngettext("{part}, {count} layer", "{part}, {count} layers", count).format(
        part=part, count=count
    )


def _corpus(paths: Any) -> str:
    """The files' names without their folders, which are private to who trained the run."""
    if not isinstance(paths, list) or not paths:
        return UNKNOWN
    names = [shown_name(PurePath(str(path)))[:_NAME] for path in paths]
    listed = join_list(names[:_CORPORA])
    if len(names) <= _CORPORA:
        return listed
    return ngettext(
        "{names} … ({count:,} file in all)", "{names} … ({count:,} files in all)", len(names)
    ).format(names=listed, count=len(names))


def _number(value: Any, form: str) -> str:
    """A number for reading; "—" for what is none, as a stranger's file may hold anything."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNKNOWN
    if not abs(value) <= _LARGEST:  # NaN neither
        return UNKNOWN
    return format(value, form)


def _date(run: RunDirectory) -> str:
    try:
        written = (run.path / "model.safetensors").stat().st_mtime
    except OSError:
        return UNKNOWN  # there are none yet
    return f"{datetime.datetime.fromtimestamp(written):%Y-%m-%d %H:%M}"
