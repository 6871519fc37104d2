"""Paragraphs to begin with, of chapters that a model has not been trained on; of pairs, held-out sources."""

from __future__ import annotations

import numpy as np

from novelgen.data.novel import Novel
from novelgen.errors import NovelgenError
from novelgen.training.stores import Data, ready_data
from novelgen.web.model_registry import ModelRegistry

_COUNT = 6
_FEWEST, _MOST = 25, 80  # characters: enough to go on from, and not too much to read
_LONGEST_SOURCE = 500


def examples(shelf: ModelRegistry, name: str | None) -> list[str]:
    """Some held-out paragraphs of a run's corpus, or sources of its pairs; always the same, none where the data is gone."""
    try:
        run = shelf.run(name)
        data = ready_data(run.path, run.load_info())
        return (
            [] if data is None else _of_novel(data) if isinstance(data, Novel) else _of_pairs(data)
        )
    except NovelgenError:
        return []


def _of_novel(novel: Novel) -> list[str]:
    store = novel.store
    held_out = store.is_in("test") & (store.characters >= _FEWEST) & (store.characters <= _MOST)
    places = np.flatnonzero(held_out)
    return [
        store.tokenizer.decode(store.ids[store.offsets[place] : store.offsets[place + 1] - 1])
        for place in _spread(places)
    ]


def _of_pairs(data: Data) -> list[str]:
    pairs = data.pairs("test")
    texts = pairs.texts(_spread(np.arange(len(pairs))), data.tokenizer, data.source_tokenizer)
    return list(dict.fromkeys(source for source, _ in texts if len(source) <= _LONGEST_SOURCE))


def _spread(places: np.ndarray) -> np.ndarray:
    """Some of them, evenly."""
    return (
        places[np.unique(np.linspace(0, len(places) - 1, _COUNT).astype(np.int64))]
        if len(places)
        else places
    )
