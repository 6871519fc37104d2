"""One step of writing, compiled: from tokens to log-probabilities, as `BahdanauDecoder` has it.

Weights are packed for `multiply_few`, in float32 or in bfloat16 (uint16), which is widened in the
register: a step of one row reads every weight once, so its speed is that of the memory. A row of a
product is summed up in the same order whatever rows stand beside it.

Loops run in vectors only over rows that numba knows to be contiguous: `sums[row, a:b]` of a whole
array, not a row of `sums[:, a:b]`.

Shapes: B rows, U sources of S positions, L layers, A attention size, H hidden size, E readout size,
V vocabulary, M size of the annotations. A packed (N, K) is (⌈N / COLUMNS⌉, K, COLUMNS).
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exponential, tanh
from novelgen.models.kernels.matmul_numba import COLUMNS, multiply_few
from novelgen.models.kernels.selection import best_continuations, log_softmax
from novelgen.models.kernels.steps import additive_scores, lstm_cell, softmax

__all__ = ["COLUMNS", "best_continuations", "exponentials", "multiply_ahead", "step"]


# A loop and not `target[:] = source`, which takes seconds to compile.
@compiled
def copy(source, target):
    """Fills target (n,) with source (n,)."""
    for k in range(len(target)):
        target[k] = source[k]


@compiled
def exponentials(values):
    """`exponential` of every number: float32 of any shape, C-contiguous."""
    result = np.empty_like(values)
    flat, out = values.ravel(), result.ravel()
    for k in range(flat.size):
        out[k] = exponential(flat[k])
    return result


@compiled
def multiply_ahead(annotations, from_context, values):
    """What annotations (U, S, M) add to gates and readout: fills values, (U) packed (4H + E, S).

    from_context: packed (4H + E, M).
    """
    positions = annotations.shape[1]
    panels, _, columns = from_context.shape
    for source in range(len(annotations)):
        added = np.zeros((positions, panels * columns), np.float32)
        multiply_few(annotations[source], from_context, added[:, :])
        for panel in range(panels):
            for j in range(positions):
                for c in range(columns):
                    values[source, panel, j, c] = added[j, panel * columns + c]


@compiled
def attend(query, exp_keys, score, alpha):
    """One row's attention over n positions: fills alpha (n,).

    query (A,), exp_keys (n, A), score (A,): −2v.
    """
    exp_query = np.empty_like(score)
    for k in range(len(score)):
        exp_query[k] = exponential(query[k])
    additive_scores(exp_query, exp_keys, score, alpha)
    softmax(alpha)


@compiled
def read(sums, sources, lengths, exp_keys, values, score, alphas, contexts):
    """Attention of B rows with queries sums[:, :A], as `step` has it: fills alphas (B, S).

    sources (B,). Adds c = Σ_j α_j values_j to contexts (B, W).
    """
    count, first = len(sources), 0
    for row in range(count):
        source, length = sources[row], lengths[sources[row]]
        query = sums[row, : len(score)]
        attend(query, exp_keys[source, :length], score, alphas[row, :length])
        for j in range(length, alphas.shape[1]):
            alphas[row, j] = 0
        # Those of one source, such as those of a beam, read it together.
        if row + 1 == count or sources[row + 1] != source:
            last = row + 1
            multiply_few(alphas[first:last], values[source], contexts[first:last])
            first = last


@compiled
def run_layers(sums, first, state, parents, from_below, upper_bias, after, hidden):
    """All layers. A layer's gates (B, 4H) are the columns of sums from `first` on, one by one.

    Row b goes on from state[parents[b]]. Fills after (B, 2L, H) and hidden (B, H), that of the last
    layer.
    """
    batch, size = hidden.shape
    last = first + 4 * size
    below = np.empty((batch, 2 * size), np.float32)
    for layer in range(len(from_below) + 1):
        if layer > 0:
            for row in range(batch):
                copy(hidden[row], below[row, :size])
                copy(state[parents[row], 2 * layer], below[row, size:])
                copy(upper_bias[layer - 1], sums[row, first:last])
            multiply_few(below, from_below[layer - 1], sums[:, first:last])
        for row in range(batch):
            place = 2 * layer
            gates, before = sums[row, first:last], state[parents[row], place + 1]
            lstm_cell(gates, before, after[row, place + 1], after[row, place])
            copy(after[row, place], hidden[row])


@compiled
def step(
    tokens,
    fixed,
    state,
    parents,
    sources,
    lengths,
    exp_keys,
    values,
    score,
    from_state,
    from_context,
    from_below,
    upper_bias,
    from_top,
    output,
    output_bias,
    log_probabilities,
    after,
    alphas,
    readout,
):
    """One token on, for B rows.

    Fills log_probabilities (B, V), after (B, 2L, H), alphas (B, S) and readout (B, E).

    tokens: (B,) row b's place in `fixed`.
    fixed: (N, A + 4H + E) a token's share in query, gates and readout, biases included.
    state: (R, 2L, H) hidden and cell of each layer.
    parents: (B,) which state row b goes on from.
    sources: (B,) which source row b reads.
    lengths: (U,) real positions of each source.
    exp_keys: (U, S, A) `exponentials` of the keys.
    values: (U), packed (4H + E, S), the shares of the annotations in gates and readout, or (M, S)
        the annotations themselves; 0 beyond a source's length.
    score: (A,) −2v.
    from_state: packed (A + 4H, H): query over recurrent.
    from_context: packed (4H + E, M): makes the shares of annotations; without panels where
        `values` are those.
    from_below: (L − 1), packed (4H, 2H): of the layers above the first, input beside recurrent.
    upper_bias: (L − 1, 4H) of the same.
    from_top: packed (E, H): the readout of the last hidden.
    output: packed (V, E), and output_bias (V,).
    """
    batch, width = len(tokens), fixed.shape[1]
    size = state.shape[2]
    # Query (B, A), gates (B, 4H) and readouts (B, E) side by side.
    sums = np.empty((batch, width), np.float32)
    gates, readouts = len(score), len(score) + 4 * size  # where these begin
    # 1. What the tokens add, then what the states do.
    hidden = np.empty((batch, size), np.float32)
    for row in range(batch):
        copy(fixed[tokens[row]], sums[row])
        copy(state[parents[row], 0], hidden[row])
    multiply_few(hidden, from_state, sums[:, :readouts])
    # 2. What the contexts do.
    memory = (sources, lengths, exp_keys, values, score, alphas)
    if len(from_context) > 0:
        contexts = np.zeros((batch, from_context.shape[1]), np.float32)
        read(sums, *memory, contexts[:, :])
        multiply_few(contexts, from_context, sums[:, gates:])
    else:
        read(sums, *memory, sums[:, gates:])
    # 3. The layers.
    run_layers(sums, gates, state, parents, from_below, upper_bias, after, hidden)
    # 4. t = tanh(…) and the log-softmax of E t + b.
    multiply_few(hidden, from_top, sums[:, readouts:])
    for row in range(batch):
        for k in range(width - readouts):
            readout[row, k] = tanh(sums[row, readouts + k])
        copy(output_bias, log_probabilities[row])
    multiply_few(readout, output, log_probabilities[:, :])
    for row in range(batch):
        log_softmax(log_probabilities[row])
