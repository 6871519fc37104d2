"""The pieces of the loop with input feeding that `compiled` does not have: attention by dot products after the cell, and the readout.

numba's cache on disk looks at this file alone: after a change in `compiled` of what is imported here, touch this file too.

Arrays as there. joints (T + 1, B, H + D) holds [s_t; h̃_t] side by side, as the gates of the next step read them.
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.compiled import compiled, mix, narrow, tanh, widen


@compiled
def attend(t, first, last, joints, keys, annotations, lengths, drop, alphas, reads):
    """Step t of e_j = s · k_j, α = softmax(e), c = Σ α_j h_j, for annotations of which the first `lengths` are real.

    keys (B, S, H), annotations (B, S, M), lengths (B,), drop (B, M + H), or (B, 0) for none. Fills alphas[t] (B, S) and reads[t]
    (B, M + H): drop · [c; s].
    """
    number = alphas.dtype.type
    size, width, dropped = keys.shape[2], annotations.shape[2], drop.shape[1] > 0
    query, context = np.empty(size, alphas.dtype), np.empty(width, alphas.dtype)
    for row in range(first, last):
        joint, alpha, read, real = joints[t + 1, row], alphas[t, row], reads[t, row], lengths[row]
        for k in range(size):
            query[k] = number(widen(joint[k]))
        top = number(-np.inf)
        for j in range(real):
            total, key = number(0), keys[row, j]
            for k in range(size):
                total += query[k] * number(widen(key[k]))
            alpha[j] = total
            top = max(top, total)
        mix(alpha, real, top, annotations[row], context)
        if dropped:
            for m in range(width):
                context[m] *= drop[row, m]
            for k in range(size):
                query[k] *= drop[row, width + k]
        for m in range(width):
            read[m] = narrow(context[m], reads)
        for k in range(size):
            read[width + k] = narrow(query[k], reads)


@compiled
def attend_backward(
    t,
    first,
    last,
    d_later,
    d_reads,
    d_alphas,
    keys,
    annotations,
    lengths,
    drop,
    alphas,
    d_contexts,
    d_scores,
    d_hidden,
):
    """The gradients of `attend`: d_reads (R, M + H) of drop · [c; s], d_later (R, H + …) of s as the next step sees it.

    d_alphas is (B, T, S), or (B, 0, 0) for none. Fills d_contexts[t] (B, M), d_scores[t] (B, S) and d_hidden (R, H), all of s's.
    """
    number = alphas.dtype.type
    size, width, dropped = keys.shape[2], annotations.shape[2], drop.shape[1] > 0
    context, errors = np.empty(width, alphas.dtype), np.empty(alphas.shape[2], alphas.dtype)
    for row in range(first, last):
        d_read, d_h, alpha, d_score, real = (
            d_reads[row - first],
            d_hidden[row - first],
            alphas[t, row],
            d_scores[t, row],
            lengths[row],
        )
        for m in range(width):
            context[m] = number(widen(d_read[m]))
        for k in range(size):
            d_h[k] = number(widen(d_read[width + k]))
        if dropped:
            for m in range(width):
                context[m] *= drop[row, m]
            for k in range(size):
                d_h[k] *= drop[row, width + k]
        for m in range(width):
            d_contexts[t, row, m] = narrow(context[m], d_contexts)
        for k in range(size):
            d_h[k] += number(widen(d_later[row - first, k]))
        mean = number(0)
        for j in range(real):
            total, annotation = number(0), annotations[row, j]
            for m in range(width):
                total += context[m] * number(widen(annotation[m]))
            if d_alphas.shape[1]:
                total += number(d_alphas[row, t, j])
            errors[j] = total
            mean += alpha[j] * total
        for j in range(real):
            error, key = alpha[j] * (errors[j] - mean), keys[row, j]
            d_score[j] = narrow(error, d_scores)
            for k in range(size):
                d_h[k] += error * number(widen(key[k]))
        for j in range(real, len(d_score)):
            d_score[j] = narrow(number(0), d_scores)


@compiled
def readout(t, first, last, made, joints):
    """h̃ = tanh of made (R, D), the readout's product, into the last D of joints[t + 1]."""
    before = joints.shape[2] - made.shape[1]
    for row in range(first, last):
        for d in range(made.shape[1]):
            joints[t + 1, row, before + d] = narrow(tanh(widen(made[row - first, d])), joints)


@compiled
def readout_backward(t, first, last, d_later, d_readouts, joints, d_made):
    """The gradient of `readout`: d_later (R, H + D) as the next step sees it, d_readouts (B, T, D), or (B, 0, 0), as others do.

    Fills d_made[t] (B, D).
    """
    size = d_made.shape[2]
    before = joints.shape[2] - size
    for row in range(first, last):
        for d in range(size):
            error, value = (
                widen(d_later[row - first, before + d]),
                widen(joints[t + 1, row, before + d]),
            )
            if d_readouts.shape[1]:
                error += widen(d_readouts[row, t, d])
            d_made[t, row, d] = narrow(error * (type(value)(1) - value * value), d_made)
