"""The steps of the loop with input feeding: attention by dot products after the cell, the readout.

numba's cache on disk looks at this file alone: after a change in `compiled` or `math_numba`
of what is imported here, touch this file too.

Arrays are as in `compiled`. joints (T + 1, B, H + D) holds [s_t; h̃_t] side by side, as the gates
of the next step read them.
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.compiled import mix
from novelgen.models.kernels.math_numba import compiled, narrow, tanh, widen


@compiled
def attend(t, first, last, joints, keys, annotations, lengths, drop, alphas, reads):
    """Step t of e_j = s · k_j, α = softmax(e), c = Σ_j α_j h_j (Luong et al., 2015).

    keys (B, S, H) and annotations (B, S, M), of which the first lengths (B,) are real, drop (B, M
    + H), or (B, 0) for none. Fills alphas[t] (B, S) and reads[t] (B, M + H): drop · [c; s].
    """
    number = alphas.dtype.type
    size = keys.shape[2]
    width = annotations.shape[2]
    dropped = drop.shape[1] > 0
    query, context = np.empty(size, alphas.dtype), np.empty(width, alphas.dtype)
    for row in range(first, last):
        joint = joints[t + 1, row]
        alpha = alphas[t, row]
        read = reads[t, row]
        real = lengths[row]
        for k in range(size):
            query[k] = number(widen(joint[k]))
        # 1. e_j.
        top = number(-np.inf)
        for j in range(real):
            total, key = number(0), keys[row, j]
            for k in range(size):
                total += query[k] * number(widen(key[k]))
            alpha[j] = total
            top = max(top, total)
        # 2. α and c.
        mix(alpha, real, top, annotations[row], context)
        # 3. drop · [c; s].
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
    """The gradients of `attend`, given d_reads (R, M + H), that of drop · [c; s].

    d_later (R, H + …) is that of s as the next step sees it. d_alphas is (B, T, S), or (B, 0, 0)
    for none. Fills d_contexts[t] (B, M), d_scores[t] (B, S) and d_hidden (R, H), the whole
    gradient of s.
    """
    number = alphas.dtype.type
    size = keys.shape[2]
    width = annotations.shape[2]
    dropped = drop.shape[1] > 0
    context, errors = np.empty(width, alphas.dtype), np.empty(alphas.shape[2], alphas.dtype)
    for row in range(first, last):
        d_read = d_reads[row - first]
        d_h = d_hidden[row - first]
        alpha = alphas[t, row]
        d_score = d_scores[t, row]
        real = lengths[row]
        # 1. The gradients of c and of s through the readout, and of s through the next step.
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
        # 2. Those of every α_j, and their mean under α.
        mean = number(0)
        for j in range(real):
            total, annotation = number(0), annotations[row, j]
            for m in range(width):
                total += context[m] * number(widen(annotation[m]))
            if d_alphas.shape[1]:
                total += number(d_alphas[row, t, j])
            errors[j] = total
            mean += alpha[j] * total
        # 3. Through the softmax: those of e_j, and of s through them.
        for j in range(real):
            error, key = alpha[j] * (errors[j] - mean), keys[row, j]
            d_score[j] = narrow(error, d_scores)
            for k in range(size):
                d_h[k] += error * number(widen(key[k]))
        for j in range(real, len(d_score)):
            d_score[j] = narrow(number(0), d_scores)


@compiled
def readout(t, first, last, made, joints):
    """Puts h̃ = tanh(made), the readout's product (R, D), into the last D of joints[t + 1]."""
    before = joints.shape[2] - made.shape[1]
    for row in range(first, last):
        for d in range(made.shape[1]):
            joints[t + 1, row, before + d] = narrow(tanh(widen(made[row - first, d])), joints)


@compiled
def readout_backward(t, first, last, d_later, d_readouts, joints, d_made):
    """The gradient of `readout`: fills d_made[t] (B, D).

    That of h̃ is the last D of d_later (R, H + D), as the next step sees it, plus d_readouts (B,
    T, D), or (B, 0, 0) for none.
    """
    size = d_made.shape[2]
    before = joints.shape[2] - size
    for row in range(first, last):
        for d in range(size):
            error = widen(d_later[row - first, before + d])
            value = widen(joints[t + 1, row, before + d])
            if d_readouts.shape[1]:
                error += widen(d_readouts[row, t, d])
            d_made[t, row, d] = narrow(error * (type(value)(1) - value * value), d_made)
