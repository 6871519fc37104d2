"""Interpolated, modified Kneser-Ney as Chen and Goodman (1999) write it, with dictionaries."""

from collections import Counter, defaultdict

BOS, EOS = 1, 2


def discounts(counts):
    n1, n2, n3, n4 = (sum(count == number for count in counts) for number in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return {1: 0.5, 2: 1.0, 3: 1.5}
    y = n1 / (n1 + 2 * n2)
    found = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
    return found if min(found.values()) > 0 else {1: 0.5, 2: 1.0, 3: 1.5}


class Reference:
    """The formulas with dictionaries of tuples."""

    def __init__(self, targets, order, size):
        self.size = size  # of the vocabulary
        self.order = order
        self.tables = {}
        rows = [(BOS, *target) for target in targets]
        seen = {
            k: Counter(row[end - k : end] for row in rows for end in range(max(k, 2), len(row) + 1))
            for k in range(1, order + 1)
        }
        for k in range(1, order + 1):
            counts = seen[k]
            if k < order:
                counts = Counter(longer[1:] for longer in seen[k + 1])
                counts |= {gram: seen[k][gram] for gram in seen[k] if gram[0] == BOS}
            d = discounts(counts.values())
            total, left = Counter(), defaultdict(float)
            for gram, number in counts.items():
                total[gram[:-1]] += number
                left[gram[:-1]] += d[min(number, 3)]
            self.tables[k] = counts, d, total, left

    def probability(self, context, token, k=None):
        k = self.order if k is None else k
        if k == 0:
            return 1 / (self.size - EOS) if token >= EOS else 0.0
        counts, d, total, left = self.tables[k]
        shorter = self.probability(context, token, k - 1)
        if len(context) < k - 1:
            return shorter
        context = context[len(context) - k + 1 :]
        if not total[context]:
            return shorter
        number = counts[(*context, token)]
        own = number - d[min(number, 3)] if number else 0.0
        return (own + left[context] * shorter) / total[context]
