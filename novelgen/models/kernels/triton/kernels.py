"""What happens between the matrix products of the attention loop on CUDA.

These are Triton kernels (Tillet, Kung and Cox, 2019). Every tensor is contiguous, rows first; a
kernel sees one step. Loads widen to the dtype of scores and cells (float32, or float64), in which
everything is summed; stores round to the dtype of what they fill. No program writes what another
reads or writes, so there are no atomics and every sum has one order. Sizes of the model are
constants of the compiled kernel, those of a batch are not.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Of one tile: rows are source positions, columns features. A tile of 16 × 128 numbers is 16 for
# each of 128 threads.
POSITIONS = 16
FEATURES = 128

# The number of source positions changes from batch to batch: without this Triton would compile a
# kernel of its own for each kind of number (1, a multiple of 16, others).
_kernel = triton.jit(
    do_not_specialize=["positions", "steps"],
    do_not_specialize_on_alignment=[
        "scores",
        "alphas",
        "d_alphas",
        "of_alphas",
        "errors",
        "lengths",
    ],
)


@triton.jit
def exp_twice(x):
    """exp(2x) within exp(±40), as in `loop`; NaN stays NaN."""
    x = 2 * x
    x = tl.where(x > 40.0, 40.0, x)
    return tl.exp(tl.where(x < -40.0, -40.0, x))


@triton.jit
def sigmoid(x):
    """1 / (1 + e^−x)."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tanh(x):
    """1 − 2 / (1 + e^2x)."""
    return 1 - 2 / (1 + tl.exp(2 * x))


@_kernel
def score_positions(
    seen,
    exp_keys,
    lengths,
    score,
    exp_queries,
    scores,
    positions,
    A: tl.constexpr,
    WIDTH: tl.constexpr,
    POSITIONS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """e_j = vᵀ tanh(q + k_j) of real positions, without the vᵀ1 that a softmax cancels.

    Grid (B, blocks of positions). seen (B, WIDTH): q first. exp_keys (B, S, A), lengths (B,),
    score (A,): v. Fills exp_queries (B, A) and scores (B, S), whose padding stays as it was.
    """
    row = tl.program_id(0).to(tl.int64)
    real = tl.load(lengths + row)
    j = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    # Over blocks of the attention's features: Σ_a v_a r_ja with r = 1 / (1 + e^2q e^2k).
    total = tl.zeros([POSITIONS], score.dtype.element_ty)
    for start in range(0, A, FEATURES):
        a = start + tl.arange(0, FEATURES)
        query = exp_twice(tl.load(seen + row * WIDTH + a, a < A, 0).to(score.dtype.element_ty))
        # Every program of a row computes the same e^2q; one of them stores it.
        if tl.program_id(1) == 0:
            tl.store(exp_queries + row * A + a, query, a < A)
        places = (row * positions + j)[:, None] * A + a[None, :]
        keys = tl.load(exp_keys + places, (j < real)[:, None] & (a < A)[None, :], 0)
        total += tl.sum(tl.load(score + a, a < A, 0)[None, :] / (1 + query[None, :] * keys), 1)
    tl.store(scores + row * positions + j, -2 * total, j < real)


@_kernel
def read_positions(
    scores,
    annotations,
    lengths,
    alphas,
    contexts,
    positions,
    M: tl.constexpr,
    POSITIONS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """α = softmax(e) over real positions and c = Σ_j α_j h_j.

    Grid (B, blocks of the memory's features). scores (B, S), annotations (B, S, M), lengths (B,).
    Fills alphas (B, S), zero at padding, and contexts (B, M).
    """
    row = tl.program_id(0).to(tl.int64)
    real = tl.load(lengths + row)
    # 1. The largest e_j.
    top = tl.full([POSITIONS], -float("inf"), alphas.dtype.element_ty)
    for start in range(0, real, POSITIONS):
        j = start + tl.arange(0, POSITIONS)
        top = tl.maximum(top, tl.load(scores + row * positions + j, j < real, -float("inf")))
    top = tl.max(top, 0)
    # 2. Σ_j e^(e_j − top).
    mass = tl.zeros([POSITIONS], alphas.dtype.element_ty)
    for start in range(0, real, POSITIONS):
        j = start + tl.arange(0, POSITIONS)
        mass += tl.exp(tl.load(scores + row * positions + j, j < real, -float("inf")) - top)
    mass = tl.sum(mass, 0)
    # 3. α, and this block of c.
    m = tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)
    context = tl.zeros([FEATURES], alphas.dtype.element_ty)
    for start in range(0, positions, POSITIONS):
        j = start + tl.arange(0, POSITIONS)
        alpha = tl.exp(tl.load(scores + row * positions + j, j < real, -float("inf")) - top) / mass
        alpha = tl.where(j < real, alpha, 0)
        if tl.program_id(1) == 0:
            tl.store(alphas + row * positions + j, alpha, j < positions)
        places = (row * positions + j)[:, None] * M + m[None, :]
        read = tl.load(annotations + places, (j < real)[:, None] & (m < M)[None, :], 0).to(
            alphas.dtype.element_ty
        )
        context += tl.sum(alpha[:, None] * read, 0)
    tl.store(contexts + row * M + m, context, m < M)


@_kernel
def read_backward(
    from_gates,
    of_contexts,
    of_alphas,
    annotations,
    lengths,
    d_read,
    d_alphas,
    positions,
    M: tl.constexpr,
    HAS_CONTEXTS: tl.constexpr,
    HAS_ALPHAS: tl.constexpr,
    POSITIONS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """The gradients of c and of α.

    Grid (B, blocks of positions). Fills d_read (B, M), the gradient of c: from_gates (B, M), plus
    of_contexts (B, M) if HAS_CONTEXTS. Fills d_alphas (B, S) at real positions, to which
    of_alphas (B, S) is added if HAS_ALPHAS.
    """
    row = tl.program_id(0).to(tl.int64)
    real = tl.load(lengths + row)
    j = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    # Over blocks of the memory's features: the gradient of α_j is h_j times that of c.
    total = tl.zeros([POSITIONS], d_alphas.dtype.element_ty)
    for start in range(0, M, FEATURES):
        m = start + tl.arange(0, FEATURES)
        read = tl.load(from_gates + row * M + m, m < M, 0).to(d_alphas.dtype.element_ty)
        if HAS_CONTEXTS:
            read += tl.load(of_contexts + row * M + m, m < M, 0).to(d_alphas.dtype.element_ty)
        if tl.program_id(1) == 0:
            tl.store(d_read + row * M + m, read, m < M)
        places = (row * positions + j)[:, None] * M + m[None, :]
        known = tl.load(annotations + places, (j < real)[:, None] & (m < M)[None, :], 0).to(
            d_alphas.dtype.element_ty
        )
        total += tl.sum(read[None, :] * known, 1)
    if HAS_ALPHAS:
        total += tl.load(of_alphas + row * positions + j, j < real, 0)
    tl.store(d_alphas + row * positions + j, total, j < real)


@_kernel
def score_backward(
    alphas,
    d_alphas,
    exp_keys,
    lengths,
    score,
    exp_queries,
    errors,
    d_states,
    positions,
    A: tl.constexpr,
    WIDTH: tl.constexpr,
    POSITIONS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """The gradients of e and of q.

    Grid (B, blocks of the attention's features). alphas and d_alphas (B, S), exp_keys (B, S, A),
    score (A,): v, exp_queries (B, A). Fills errors (B, S), the gradient of e, at real positions,
    and the first A of d_states (B, WIDTH), that of q.
    """
    row = tl.program_id(0).to(tl.int64)
    real = tl.load(lengths + row)
    # 1. The mean of the gradients of α under α, which the softmax subtracts.
    mean = tl.zeros([POSITIONS], alphas.dtype.element_ty)
    for start in range(0, real, POSITIONS):
        j = start + tl.arange(0, POSITIONS)
        places = row * positions + j
        mean += tl.load(alphas + places, j < real, 0) * tl.load(d_alphas + places, j < real, 0)
    mean = tl.sum(mean, 0)
    # 2. Those of e_j, and through r, whose slope is r − r², that of q.
    a = tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)
    query = tl.load(exp_queries + row * A + a, a < A, 0)
    d_query = tl.zeros([FEATURES], alphas.dtype.element_ty)
    for start in range(0, real, POSITIONS):
        j = start + tl.arange(0, POSITIONS)
        places = row * positions + j
        error = tl.load(alphas + places, j < real, 0) * (
            tl.load(d_alphas + places, j < real, 0) - mean
        )
        if tl.program_id(1) == 0:
            tl.store(errors + places, error, j < real)
        keys = tl.load(
            exp_keys + places[:, None] * A + a[None, :], (j < real)[:, None] & (a < A)[None, :], 0
        )
        r = 1 / (1 + query[None, :] * keys)
        d_query += tl.sum(error[:, None] * (r - r * r), 0)
    tl.store(d_states + row * WIDTH + a, 4 * tl.load(score + a, a < A, 0) * d_query, a < A)


@_kernel
def keys_backward(
    errors,
    exp_keys,
    lengths,
    score,
    exp_queries,
    d_keys,
    d_score,
    steps,
    positions,
    A: tl.constexpr,
    POSITIONS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """The gradients of k and of v, of all steps at once.

    Grid (B, blocks of positions, blocks of the attention's features). errors (T, B, S), exp_keys
    (B, S, A), score (A,): v, exp_queries (T, B, A). Fills d_keys (B, S, A) and d_score (B, blocks
    of positions, A), each program's share.
    """
    row, rows = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    real = tl.load(lengths + row)
    j = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    a = tl.program_id(2) * FEATURES + tl.arange(0, FEATURES)
    places = (row * positions + j)[:, None] * A + a[None, :]
    keys = tl.load(exp_keys + places, (j < real)[:, None] & (a < A)[None, :], 0)
    d_key = tl.zeros([POSITIONS, FEATURES], score.dtype.element_ty)
    d_share = tl.zeros([FEATURES], score.dtype.element_ty)
    at = row  # t · B + row
    for _ in range(steps):
        error = tl.load(errors + at * positions + j, j < real, 0)
        query = tl.load(exp_queries + at * A + a, a < A, 0)
        r = 1 / (1 + query[None, :] * keys)
        d_share += tl.sum(error[:, None] * r, 0)
        d_key += error[:, None] * (r - r * r)
        at += rows
    d_key *= 4 * tl.load(score + a, a < A, 0)[None, :]
    tl.store(d_keys + places, d_key, (j < positions)[:, None] & (a < A)[None, :])
    share = row * tl.num_programs(1) + tl.program_id(1)
    tl.store(d_score + share * A + a, -2 * d_share, a < A)


@triton.jit
def summed(seen, more, is_unit, like):
    """The sum that one gate of some units takes, of two shares at pointers."""
    share = tl.load(seen, is_unit, 0).to(like.dtype.element_ty)
    return share + tl.load(more, is_unit, 0).to(like.dtype.element_ty)


@triton.jit
def lstm(
    seen,
    more,
    gate_activations,
    before,
    after,
    hiddens,
    H: tl.constexpr,
    SKIPPED: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """A step of an LSTM, gates in the order i, f, g, o of torch.nn.LSTM.

    Grid (B, blocks of units). seen (B, SKIPPED + 4H), behind the first SKIPPED, and more (B, 4H)
    are summed. Fills gate_activations (B, 4H), after (B, H), the cell that was `before`, and
    hiddens (B, H).
    """
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)
    # 1. From here on the pointers point to this block's units of the gate i.
    seen += row * (SKIPPED + 4 * H) + SKIPPED + k
    more += row * 4 * H + k
    i = sigmoid(summed(seen, more, k < H, after))
    f = sigmoid(summed(seen + H, more + H, k < H, after))
    g = tanh(summed(seen + 2 * H, more + 2 * H, k < H, after))
    o = sigmoid(summed(seen + 3 * H, more + 3 * H, k < H, after))
    gate_activations += row * 4 * H + k
    tl.store(gate_activations, i, k < H)
    tl.store(gate_activations + H, f, k < H)
    tl.store(gate_activations + 2 * H, g, k < H)
    tl.store(gate_activations + 3 * H, o, k < H)
    # 2. The cell and the hidden state.
    cell = f * tl.load(before + row * H + k, k < H, 0) + i * g
    tl.store(after + row * H + k, cell, k < H)
    tl.store(hiddens + row * H + k, o * tanh(cell), k < H)


@triton.jit
def lstm_backward(
    d_later,
    of_hiddens,
    d_cell,
    gate_activations,
    before,
    after,
    d_states,
    H: tl.constexpr,
    SKIPPED: tl.constexpr,
    HAS_HIDDENS: tl.constexpr,
    FEATURES: tl.constexpr,
):
    """The gradients of `lstm`.

    Grid (B, blocks of units). d_later (B, H) is that of h as later steps see it, to which
    of_hiddens (B, H) is added if HAS_HIDDENS. d_cell (B, H) is that of the cell after the step
    and becomes that of the cell before. Fills d_states (B, SKIPPED + 4H) behind the first
    SKIPPED.
    """
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * FEATURES + tl.arange(0, FEATURES)
    here = row * H + k
    gate_activations += row * 4 * H + k
    i, f = tl.load(gate_activations, k < H, 0), tl.load(gate_activations + H, k < H, 0)
    g, o = tl.load(gate_activations + 2 * H, k < H, 0), tl.load(gate_activations + 3 * H, k < H, 0)
    # 1. The gradients of h and of the cell.
    d_hidden = tl.load(d_later + here, k < H, 0).to(d_cell.dtype.element_ty)
    if HAS_HIDDENS:
        d_hidden += tl.load(of_hiddens + here, k < H, 0).to(d_cell.dtype.element_ty)
    out = tanh(tl.load(after + here, k < H, 0))
    d_after = tl.load(d_cell + here, k < H, 0) + d_hidden * o * (1 - out * out)
    # 2. Those of the gates' sums, in the order i, f, g, o.
    d_states += row * (SKIPPED + 4 * H) + SKIPPED + k
    tl.store(d_states, d_after * g * i * (1 - i), k < H)
    tl.store(d_states + H, d_after * tl.load(before + here, k < H, 0) * f * (1 - f), k < H)
    tl.store(d_states + 2 * H, d_after * i * (1 - g * g), k < H)
    tl.store(d_states + 3 * H, d_hidden * out * o * (1 - o), k < H)
    tl.store(d_cell + here, d_after * f, k < H)
