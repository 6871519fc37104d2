"""An n-gram model of the targets: interpolated, modified Kneser-Ney (Chen and Goodman, 1999).

For a token w after the context c, the k − 1 tokens before it:

p_k(w | c) = max(a(c w) − D(a(c w)), 0) / Σ_v a(c v) + γ(c) p_{k−1}(w | c without its first token)
γ(c)       = Σ_v D(a(c v)) / Σ_v a(c v), so that p_k(· | c) sums to one
a(c w)     = how many different tokens stand before c w; how often c w occurs, of the highest order
             and where c begins with BOS, before which nothing stands
p_0(w)     = 1 / number of tokens that can be written

D(1), D(2) and D(3 and more) are estimated for each order. A context of which nothing is known says
what the shorter one says. Before the first token of a target stands one BOS. PAD and BOS are never
written and have probability 0, every other token has more. These are the figures of KenLM (Heafield
et al., 2013).

V vocabulary, N tokens, n targets, K order. An order k has C contexts and G n-grams that occur. A
context of m tokens is known by its place among those of its length, -1 where it never occurred; the
next longer one is that place · V + its last token, and so is an n-gram. No number exceeds C · V.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.models.conditional_lm import BOS

Int64s = NDArray[np.int64]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

_UNWRITTEN = BOS + 1  # PAD and BOS, the first ids of every tokenizer
_UNKNOWN = -1
_BITS = 63  # of an int64 that is not negative
# Where the text is too small to estimate D(1), D(2) and D(3 and more), as in KenLM.
_USUAL_DISCOUNTS = (0.5, 1.0, 1.5)


class _Order(NamedTuple):
    """The n-grams of k ≥ 2 tokens that occur."""

    contexts: Int64s  # (C,) ascending: place of the first k − 2 tokens · V + the last one
    grams: Int64s  # (G,) ascending: place of the context · V + token
    probs: Float32s  # (G,) the first term of p_k
    backoffs: Float32s  # (C,) γ


class NgramModel:
    """The probabilities of tokens after the up to K − 1 tokens before them.

    `contexts` and `advance` find the places of contexts, a row of K for each token: of the empty
    context, which is 0, of the last token, the last two and so on.
    """

    def __init__(self, unigram: Float32s, orders: list[_Order]) -> None:
        """`unigram` (V,) is p_1; `orders` are those from 2 on."""
        self._unigram = unigram
        self._orders = orders
        size = len(unigram)
        # Where the n-grams of each context begin, and where the last ones end: (C + 1,).
        self._starts = [
            np.searchsorted(order.grams, size * np.arange(len(order.contexts) + 1))
            for order in orders
        ]
        # The context of nothing but BOS: (K,).
        start = np.zeros(1 + len(orders), np.int64)
        for length in range(1, len(start)):
            start[length] = self._places(length, start[length - 1 : length], np.array([BOS]))[0]
        self._start = start

    @classmethod
    def count(cls, tokens: Int64s, lengths: Int64s, vocabulary_size: int, order: int) -> NgramModel:
        """The model of n targets: tokens (N,), one target after the other, and lengths (n,)."""
        size = vocabulary_size
        # No n-gram is longer than the longest target and its BOS.
        order = min(order, 1 + int(lengths.max(initial=0)))
        before, positions = _tokens_before(tokens, lengths)
        # 1. The contexts of 0 to K − 1 tokens, and at every token the place of each.
        contexts = [np.zeros(1, np.int64)]
        places = [np.zeros(len(tokens), np.int64)]  # (N,) each
        for length in range(1, order):
            has_context = positions >= length - 1
            distinct = _distinct((np.roll(places[-1], 1) * size + before)[has_context])
            contexts.append(distinct.codes)
            places.append(np.full(len(tokens), _UNKNOWN))
            places[-1][has_context] = distinct.inverse()
        # 2. From the highest order down: each n-gram once, at one of the tokens that it ends with.
        probs = []
        at = np.flatnonzero(positions >= order - 2)
        for length in reversed(range(order)):
            codes = places[length][at] * size + tokens[at]
            distinct = _distinct(codes)
            grams = distinct.codes
            probs.append((grams, *_discounted(distinct.counts, grams // size)))
            # Of the shorter n-grams, each longer one is another token before them; those that begin
            # with BOS have none, and every occurrence counts.
            at = np.concatenate([at[distinct.places], np.flatnonzero(positions == length - 2)])
        # 3. The lowest order is a table of all tokens.
        grams, discounted, backoffs = probs.pop()
        unigram = np.zeros(size, np.float32)
        unigram[_UNWRITTEN:] = backoffs[0] / (size - _UNWRITTEN)
        unigram[grams] += discounted
        orders = [
            _Order(known, *parts)
            for known, parts in zip(contexts[1:], reversed(probs), strict=True)
        ]
        return cls(unigram, orders)

    @property
    def order(self) -> int:
        """K."""
        return 1 + len(self._orders)

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return len(self._unigram)

    def start(self, rows: int) -> Int64s:
        """The contexts before the first token: (B, K) of B rows."""
        return np.tile(self._start, (rows, 1))

    def advance(self, contexts: Int64s, tokens: Int64s) -> Int64s:
        """The contexts (B, K) after one more token (B,)."""
        after = np.zeros_like(contexts)
        for length in range(1, self.order):
            after[:, length] = self._places(length, contexts[:, length - 1], tokens)
        return after

    def contexts(self, tokens: Int64s, lengths: Int64s) -> Int64s:
        """The contexts (N, K) before each token of targets, which are given as in `count`."""
        before, positions = _tokens_before(tokens, lengths)
        contexts = np.zeros((len(tokens), self.order), np.int64)
        for length in range(1, self.order):
            shorter = np.roll(contexts[:, length - 1], 1)
            contexts[:, length] = self._places(length, shorter, before)
            contexts[positions == 0, length] = self._start[length]
        return contexts

    def probabilities(self, contexts: Int64s, tokens: Int64s) -> Float64s:
        """The p of tokens (N,) after contexts (N, K)."""
        probs = self._unigram[tokens].astype(np.float64)
        for length, order in enumerate(self._orders, 1):
            places = contexts[:, length]
            found = _find(order.grams, places * self.vocabulary_size + tokens)
            own = np.where(found == _UNKNOWN, 0, order.probs[found])
            probs = np.where(places == _UNKNOWN, probs, own + order.backoffs[places] * probs)
        return probs

    def distributions(self, contexts: Int64s) -> Float32s:
        """The p of every token after contexts (B, K): (B, V)."""
        probs = np.tile(self._unigram, (len(contexts), 1))
        for row, places in zip(probs, contexts.tolist(), strict=True):
            for order, starts, place in zip(self._orders, self._starts, places[1:], strict=True):
                # Of a context that is unknown every longer one is.
                if place == _UNKNOWN:
                    break
                own = slice(starts[place], starts[place + 1])
                row *= order.backoffs[place]
                row[order.grams[own] - place * self.vocabulary_size] += order.probs[own]
        return probs

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the model consists of, by name."""
        arrays: dict[str, NDArray[Any]] = {"unigram": self._unigram}
        for number, order in enumerate(self._orders, 2):
            arrays |= {f"{name}_{number}": array for name, array in order._asdict().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> NgramModel:
        """The inverse of `arrays`; raises KeyError or ValueError for what cannot be a model's."""
        unigram = arrays["unigram"]
        _check(unigram.dtype == np.float32 and unigram.ndim == 1, "unigram")
        count, rest = divmod(len(arrays) - 1, len(_Order._fields))
        _check(not rest, "arrays")
        orders = []
        known = 1  # contexts of one token less
        for number in range(2, 2 + count):
            order = _Order(*(arrays[f"{name}_{number}"] for name in _Order._fields))
            _check_order(order, number, known * len(unigram), len(unigram))
            orders.append(order)
            known = len(order.contexts)
        _check(all(_are_shares(probs) for probs in (unigram, *(o.probs for o in orders))), "probs")
        return cls(unigram, orders)

    def _places(self, length: int, shorter: Int64s, last: Int64s) -> Int64s:
        """The places of contexts: `shorter` (B,) are those without their last tokens (B,)."""
        codes = shorter * self.vocabulary_size + last
        codes[shorter == _UNKNOWN] = _UNKNOWN
        return _find(self._orders[length - 1].contexts, codes)


class _Distinct(NamedTuple):
    """The G different ones of N codes."""

    codes: Int64s  # (G,) ascending
    starts: Int64s  # (G,) where each begins among all codes in ascending order
    order: Int64s  # (N,) the places of all codes in ascending order

    @property
    def places(self) -> Int64s:
        """A place of each among the N codes: (G,)."""
        return self.order[self.starts]

    @property
    def counts(self) -> Int64s:
        """How often each occurs: (G,)."""
        return np.diff(self.starts, append=len(self.order))

    def inverse(self) -> Int64s:
        """Which of the G each of the N codes is: (N,)."""
        found = np.empty_like(self.order)
        found[self.order] = np.repeat(np.arange(len(self.codes)), self.counts)
        return found


def _distinct(codes: Int64s) -> _Distinct:
    """What np.unique finds, in a third of the time."""
    order = _ascending_order(codes)
    ascending = codes[order]
    starts = np.flatnonzero(np.diff(ascending, prepend=-1))
    return _Distinct(ascending[starts], starts, order)


def _ascending_order(codes: Int64s) -> Int64s:
    """The places (N,) of codes in ascending order."""
    # NumPy sorts numbers ten times as fast as their places, so the place becomes the lower bits of
    # the number, where it has room.
    bits = len(codes).bit_length()
    if int(codes.max(initial=0)).bit_length() + bits > _BITS:
        return np.argsort(codes)
    order: Int64s = np.sort(codes << bits | np.arange(len(codes))) & ((1 << bits) - 1)
    return order


def _tokens_before(tokens: Int64s, lengths: Int64s) -> tuple[Int64s, Int64s]:
    """What stands before each token of targets, and the place of each in its target: (N,)."""
    starts = np.cumsum(lengths) - lengths
    positions = np.arange(len(tokens)) - np.repeat(starts, lengths)
    before = np.roll(tokens, 1)
    before[positions == 0] = BOS
    return before, positions


def _find(ascending: Int64s, codes: Int64s) -> Int64s:
    """Where the codes are in an array that is not empty; _UNKNOWN for what is not there."""
    places = np.minimum(np.searchsorted(ascending, codes), len(ascending) - 1)
    return np.where(ascending[places] == codes, places, _UNKNOWN)


def _discounted(counts: Int64s, contexts: Int64s) -> tuple[Float32s, Float32s]:
    """The first term of p_k (G,), and γ (C,), of n-grams with counts a (G,) and contexts (G,)."""
    discounts = np.array([0.0, *_discounts(counts)])[np.minimum(counts, 3)]  # (G,)
    totals = np.bincount(contexts, counts)  # (C,)
    probs = (counts - discounts) / totals[contexts]
    backoffs = np.bincount(contexts, discounts) / totals
    return probs.astype(np.float32), backoffs.astype(np.float32)


def _discounts(counts: Int64s) -> tuple[float, float, float]:
    """D(1), D(2) and D(3 and more) of an order (Chen and Goodman, 1999, equation 17).

    The usual ones where one cannot be estimated or would not be above 0.
    """
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if 0 in (n1, n2, n3, n4):
        return _USUAL_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return discounts if min(discounts) > 0 else _USUAL_DISCOUNTS


def _check_order(order: _Order, number: int, contexts: int, size: int) -> None:
    """Raises ValueError unless the arrays fit; codes of contexts are below `contexts`."""
    dtypes = [array.dtype.name for array in order]
    _check(dtypes == ["int64", "int64", "float32", "float32"], f"types of order {number}")
    count = len(order.contexts)
    _check(order.contexts.shape == order.backoffs.shape == (count,), f"backoffs_{number}")
    _check(order.grams.shape == order.probs.shape == (len(order.grams),), f"probs_{number}")
    _check(_ascend(order.contexts, contexts), f"contexts_{number}")
    _check(_ascend(order.grams, count * size), f"grams_{number}")
    _check(_are_shares(order.backoffs), f"backoffs_{number}")


def _ascend(codes: Int64s, stop: int) -> bool:
    """Whether codes are ascending and from 0 to below `stop`, and there is one at least."""
    is_inside = len(codes) > 0 and codes[0] >= 0 and codes[-1] < stop
    return bool(is_inside and (np.diff(codes) > 0).all())


def _are_shares(values: Float32s) -> bool:
    """Whether all are from 0 to 1; NaN is not."""
    return bool(((values >= 0) & (values <= 1)).all())


def _check(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(what)
