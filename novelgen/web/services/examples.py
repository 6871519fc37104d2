"""Paragraphs to begin with, of chapters that a model was not trained on; of pairs, their sources.

Both are held out from training. The base model, which comes without its corpus, has those of the
novel that comes with the program: it has not read that.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from novelgen.config import TextConfig
from novelgen.data.novel import Novel
from novelgen.errors import NovelgenError
from novelgen.shipped import shipped_novel
from novelgen.text.importing import CorpusImport
from novelgen.training.stores import Data, ready_data
from novelgen.web.services.model_registry import BASE, ModelRegistry

_COUNT = 3
# Characters of a paragraph: enough to go on from, and not too much to read.
_SHORTEST = 25
_LONGEST = 80
_LONGEST_SOURCE = 500


def examples(registry: ModelRegistry, name: str | None) -> list[str]:
    """Some held-out paragraphs of a run's corpus, or sources of its pairs.

    Always the same ones; none where the data is gone.
    """
    try:
        run = registry.run(name)
        if name == BASE:
            return _of_shipped_novel()
        data = ready_data(run.path, run.load_info())
        if data is None:
            return []
        if isinstance(data, Novel):
            return _paragraphs(data)
        return _sources(data)
    except NovelgenError:
        return []


@functools.cache
def _of_shipped_novel() -> list[str]:
    corpus = CorpusImport([shipped_novel()], TextConfig(), workers=1)
    texts = [text for paragraph in corpus for text in paragraph.segments]
    fitting = [text for text in texts if _SHORTEST <= len(text) <= _LONGEST]
    return [fitting[place] for place in _evenly(np.arange(len(fitting)))]


def _paragraphs(novel: Novel) -> list[str]:
    store = novel.store
    has_length = (store.characters >= _SHORTEST) & (store.characters <= _LONGEST)
    places = np.flatnonzero(store.is_in("test") & has_length)
    texts = []
    for place in _evenly(places):
        # The last token is the paragraph's end.
        ids = store.ids[store.offsets[place] : store.offsets[place + 1] - 1]
        texts.append(store.tokenizer.decode(ids))
    return texts


def _sources(data: Data) -> list[str]:
    pairs = data.pairs("test")
    places = _evenly(np.arange(len(pairs)))
    texts = pairs.texts(places, data.tokenizer, data.source_tokenizer)
    # One source may have several targets; a dictionary keeps the order.
    return list(dict.fromkeys(source for source, _ in texts if len(source) <= _LONGEST_SOURCE))


def _evenly(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most _COUNT of the places, at even distances, the first and the last among them."""
    if not len(places):
        return places
    chosen = np.linspace(0, len(places) - 1, _COUNT).astype(np.int64)
    return places[np.unique(chosen)]
