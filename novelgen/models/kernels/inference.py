"""One step of writing, compiled: from tokens to logits for a few rows, as `BahdanauDecoder` has it.

Weights are packed for `multiply_few`, in float32 or in bfloat16 (uint16), which is widened in the
register: a step of one row reads every weight once, so its speed is that of the memory. A row of a
product is summed up in the same order whatever rows stand beside it.

Loops run in vectors only over rows that numba knows to be contiguous: `total[row, a:b]` of a whole
array, not a row of `total[:, a:b]`.

Shapes: B rows, U sources of S positions, L layers, A attention size, H hidden size, E readout size,
V vocabulary, M size of the annotations. A packed (N, K) is (⌈N / COLUMNS⌉, K, COLUMNS).
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exponential, tanh
from novelgen.models.kernels.matmul_numba import COLUMNS, multiply_few
from novelgen.models.kernels.steps import additive_scores, lstm_cell, softmax

__all__ = ["COLUMNS", "exponentials", "multiply_ahead", "step"]


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
def read(total, sources, lengths, exp_keys, values, score, alphas, contexts):
    """Attention of all rows with the queries total[:, :A], as `step` has it: fills alphas (B, S).

    Adds c = Σ_j α_j values_j to contexts (B, W).
    """
    batch, first = len(total), 0
    for row in range(batch):
        source, length = sources[row], lengths[sources[row]]
        query = total[row, : len(score)]
        attend(query, exp_keys[source, :length], score, alphas[row, :length])
        for j in range(length, alphas.shape[1]):
            alphas[row, j] = 0
        # Rows of one source, such as those of a beam, read it together.
        if row + 1 == batch or sources[row + 1] != source:
            multiply_few(alphas[first : row + 1], values[source], contexts[first : row + 1])
            first = row + 1
    return contexts


@compiled
def run_layers(total, start, state, from_below, upper_bias, after, hidden):
    """All layers. The first one's gates are 4H columns of total, which the others' overwrite.

    Fills after (B, 2L, H) and hidden (B, H), that of the last layer.
    """
    batch, size = hidden.shape
    stop = start + 4 * size
    below = np.empty((batch, 2 * size), np.float32)
    for layer in range(len(from_below) + 1):
        if layer > 0:
            for row in range(batch):
                copy(hidden[row], below[row, :size])
                copy(state[row, 2 * layer], below[row, size:])
                copy(upper_bias[layer - 1], total[row, start:stop])
            multiply_few(below, from_below[layer - 1], total[:, start:stop])
        for row in range(batch):
            place = 2 * layer
            gates = total[row, start:stop]
            lstm_cell(gates, state[row, place + 1], after[row, place + 1], after[row, place])
            copy(after[row, place], hidden[row])


@compiled
def step(
    tokens,
    fixed,
    state,
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
    logits,
    after,
    alphas,
):
    """One token on, for B rows: fills logits (B, V), after (B, 2L, H) and alphas (B, S).

    tokens: (B,) row b's place in `fixed`.
    fixed: (N, 4H + E) a token's share in gates and readout, biases included.
    state: (B, 2L, H) hidden and cell of each layer.
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
    batch = len(tokens)
    size = state.shape[2]
    attention = len(score)
    readouts = attention + 4 * size  # the first column of the readouts
    # What is added up: queries (B, A), gates (B, 4H) and readouts (B, E), side by side.
    total = np.zeros((batch, attention + fixed.shape[1]), np.float32)
    hidden = np.empty((batch, size), np.float32)
    # 1. The token's share, and the state's.
    for row in range(batch):
        copy(fixed[tokens[row]], total[row, attention:])
        copy(state[row, 0], hidden[row])
    multiply_few(hidden, from_state, total[:, :readouts])
    # 2. The context's.
    added = total[:, attention:]
    if len(from_context) > 0:
        contexts = np.zeros((batch, from_context.shape[1]), np.float32)
        read(total, sources, lengths, exp_keys, values, score, alphas, contexts[:, :])
        multiply_few(contexts, from_context, added)
    else:
        read(total, sources, lengths, exp_keys, values, score, alphas, added)
    # 3. The layers.
    run_layers(total, attention, state, from_below, upper_bias, after, hidden)
    # 4. t = tanh(…) and the logits E t + b.
    multiply_few(hidden, from_top, total[:, readouts:])
    readout = np.empty((batch, fixed.shape[1] - 4 * size), np.float32)
    for row in range(batch):
        for k in range(readout.shape[1]):
            readout[row, k] = tanh(total[row, readouts + k])
        copy(output_bias, logits[row])
    multiply_few(readout, output, logits[:, :])
