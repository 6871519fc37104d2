"""One step of writing, compiled: from tokens to log-probabilities, as `BahdanauDecoder` has it.

Rows that go on from one state, as the hypotheses of a beam often do, share what it alone decides:
the query, and so the attention and the context, and the state's share in the gates. It is computed
for the D different states.

Weights are packed for `multiply_few`, in float32 or in bfloat16 (uint16), which is widened in the
register: a step of one row reads every weight once, so its speed is that of the memory. A row of a
product is summed up in the same order whatever rows stand beside it.

Loops run in vectors only over rows that numba knows to be contiguous: `total[row, a:b]` of a whole
array, not a row of `total[:, a:b]`.

Shapes: B rows, D different states, U sources of S positions, L layers, A attention size, H hidden
size, E readout size, V vocabulary, M size of the annotations. A packed (N, K) is
(⌈N / COLUMNS⌉, K, COLUMNS).
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
def read(queries, sources, lengths, exp_keys, values, score, alphas, contexts):
    """Attention of D states with queries[:, :A], as `step` has it: fills alphas (D, S).

    sources (D,). Adds c = Σ_j α_j values_j to contexts (D, W).
    """
    count, first = len(sources), 0
    for place in range(count):
        source, length = sources[place], lengths[sources[place]]
        query = queries[place, : len(score)]
        attend(query, exp_keys[source, :length], score, alphas[place, :length])
        for j in range(length, alphas.shape[1]):
            alphas[place, j] = 0
        # Those of one source, such as those of a beam, read it together.
        if place + 1 == count or sources[place + 1] != source:
            last = place + 1
            multiply_few(alphas[first:last], values[source], contexts[first:last])
            first = last


@compiled
def different(parents, states):
    """Finds the D different ones of parents (B,), which are below `states`.

    Returns the place of each row's own among them, (B,), and the first row of each, (D,).
    """
    places = np.empty_like(parents)
    firsts = np.empty_like(parents)
    place_of = np.full(states, -1)
    count = 0
    for row in range(len(parents)):
        parent = parents[row]
        if place_of[parent] < 0:
            place_of[parent] = count
            firsts[count] = row
            count += 1
        places[row] = place_of[parent]
    return places, firsts[:count]


@compiled
def run_layers(total, state, parents, from_below, upper_bias, after, hidden):
    """All layers. The first one's gates are the first 4H columns of total, then the others'.

    Row b goes on from state[parents[b]]. Fills after (B, 2L, H) and hidden (B, H), that of the last
    layer.
    """
    batch, size = hidden.shape
    below = np.empty((batch, 2 * size), np.float32)
    for layer in range(len(from_below) + 1):
        if layer > 0:
            for row in range(batch):
                copy(hidden[row], below[row, :size])
                copy(state[parents[row], 2 * layer], below[row, size:])
                copy(upper_bias[layer - 1], total[row, : 4 * size])
            multiply_few(below, from_below[layer - 1], total[:, : 4 * size])
        for row in range(batch):
            place = 2 * layer
            gates, before = total[row, : 4 * size], state[parents[row], place + 1]
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
):
    """One token on, for B rows: fills log_probabilities (B, V), after (B, 2L, H), alphas (B, S).

    tokens: (B,) row b's place in `fixed`.
    fixed: (N, 4H + E) a token's share in gates and readout, biases included.
    state: (R, 2L, H) hidden and cell of each layer.
    parents: (B,) which state row b goes on from; rows of one state have one source.
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
    places, firsts = different(parents, len(state))
    states = len(firsts)
    # 1. What each state decides: query (D, A), shares in gates (D, 4H) and readout (D, E), side by
    # side. First the state's own share.
    shared = np.zeros((states, attention + fixed.shape[1]), np.float32)
    hidden = np.empty((states, size), np.float32)
    read_by = np.empty(states, sources.dtype)  # (D,) the source of each
    for place in range(states):
        row = firsts[place]
        read_by[place] = sources[row]
        copy(state[parents[row], 0], hidden[place])
    multiply_few(hidden, from_state, shared[:, : attention + 4 * size])
    # 2. The context's.
    weights = np.empty((states, alphas.shape[1]), np.float32)
    added = shared[:, attention:]
    memory = (read_by, lengths, exp_keys, values, score, weights)
    if len(from_context) > 0:
        contexts = np.zeros((states, from_context.shape[1]), np.float32)
        read(shared, *memory, contexts[:, :])
        multiply_few(contexts, from_context, added)
    else:
        read(shared, *memory, added)
    # 3. With the token's they make the gates (B, 4H) and readouts (B, E) of the rows.
    total = np.empty((batch, fixed.shape[1]), np.float32)
    for row in range(batch):
        copy(weights[places[row]], alphas[row])
        token, common = fixed[tokens[row]], shared[places[row], attention:]
        for k in range(len(token)):
            total[row, k] = token[k] + common[k]
    # 4. The layers.
    top = np.empty((batch, size), np.float32)
    run_layers(total, state, parents, from_below, upper_bias, after, top)
    # 5. t = tanh(…) and the log-softmax of E t + b.
    multiply_few(top, from_top, total[:, 4 * size :])
    readout = np.empty((batch, fixed.shape[1] - 4 * size), np.float32)
    for row in range(batch):
        for k in range(readout.shape[1]):
            readout[row, k] = tanh(total[row, 4 * size + k])
        copy(output_bias, log_probabilities[row])
    multiply_few(readout, output, log_probabilities[:, :])
    for row in range(batch):
        log_softmax(log_probabilities[row])
