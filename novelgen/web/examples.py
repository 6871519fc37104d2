"""Paragraphs to begin with, of chapters that a model has not been trained on."""

from __future__ import annotations

import numpy as np

from novelgen.data.store import Store
from novelgen.errors import NovelgenError
from novelgen.training.stores import ready_store
from novelgen.web.runs import Shelf

_COUNT = 6
_FEWEST, _MOST = 25, 80  # characters: enough to go on from, and not too much to read


def examples(shelf: Shelf, name: str | None) -> list[str]:
    """Some held-out paragraphs of a run's corpus, always the same; none where its data is not there any more."""
    try:
        run = shelf.run(name)
        store = ready_store(run.path, run.load_info())
        return [] if store is None else _some(store)
    except NovelgenError:
        return []


def _some(store: Store) -> list[str]:
    held_out = store.is_in("test") & (store.characters >= _FEWEST) & (store.characters <= _MOST)
    places = np.flatnonzero(held_out)
    if not len(places):
        return []
    chosen = places[np.unique(np.linspace(0, len(places) - 1, _COUNT).astype(np.int64))]
    return [store.tokenizer.decode(store.ids[store.offsets[place]:store.offsets[place + 1] - 1]) for place in chosen]
