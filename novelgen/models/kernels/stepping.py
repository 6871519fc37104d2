"""One step of writing, compiled: from tokens to logits for a few rows, as `BahdanauDecoder` has it.

A step reads every weight once, so its speed is that of the memory: weights may be bfloat16, kept as
uint16 and widened by a shift in the register. int8 with a scale a row was measured 5 % faster than
that on an EPYC, where widening and not the memory is then the limit: not worth its error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.models.kernels import compiled_stepping
from novelgen.models.kernels.compiled_stepping_numbers import exp, sigmoid, tanh

__all__ = ["exp", "exponentials", "sigmoid", "step", "tanh"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
# float32, or bfloat16 as uint16.
Weights = npt.NDArray[Any]


def exponentials(values: Floats) -> Floats:
    """exp(2x) for the scores, the exponent clamped: of any shape, C-contiguous."""
    result: Floats = compiled_stepping.exponentials(values)
    return result


def step(
    places: Integers,
    fixed: Floats,
    state: Floats,
    rows: Integers,
    lengths: Integers,
    exp_keys: Floats,
    values: Floats,
    score: Floats,
    from_state: Weights,
    from_context: Weights,
    from_below: Weights,
    upper_bias: Floats,
    from_top: Weights,
    output: Weights,
    output_bias: Floats,
) -> tuple[Floats, Floats, Floats]:
    """One token on, for B rows: logits (B, V), the next state (B, 2L, H), attention weights (B, S).

    Shapes: U sources of S positions, L layers, A attention size, H hidden size, E readout size.

    Args:
        places: (B,) row b's place in `fixed`.
        fixed: (N, 4H + E) a token's share in gates and readout, biases included.
        state: (B, 2L, H) hidden and cell of each layer.
        rows: (B,) row b reads source rows[b].
        lengths: (U,) real positions of each source.
        exp_keys: (U, S, A).
        values: (U, S, W) the shares of the annotations in gates and readout, W = 4H + E, or the
            annotations themselves.
        score: (A,) −2v.
        from_state: (A + 4H, H) query over recurrent.
        from_context: (4H + E, W) makes the shares of annotations; 0 rows where `values` are those.
        from_below: (L − 1, 4H, 2H) of the layers above the first, input beside recurrent.
        upper_bias: (L − 1, 4H) of the same.
        from_top: (E, H) the readout of the last hidden.
        output: (V, E).
        output_bias: (V,).
    """
    result: tuple[Floats, Floats, Floats] = compiled_stepping.step(
        places,
        fixed,
        state,
        rows,
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
    )
    return result
