"""Numbers in compiled code: the dtypes, exp, sigmoid and tanh that run in vectors, and the cache.

Machine code is kept in the user's cache directory, in a folder named after the content of this
whole package: after any change in it everything is compiled anew, and nothing stale is ever read.
"""

# ruff: noqa: ARG001, ARG005 -- numba fixes which arguments an intrinsic and an overload have

from __future__ import annotations

import hashlib
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

# Sums may be reordered, which is what lets them run in vectors; NaN and infinity stay as they are.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def cache_directory() -> Path:
    """Where the machine code of this package, as it is now, is kept."""
    package = Path(__file__).parent
    content = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    default = Path("~/.cache")
    if sys.platform == "win32":
        default = Path("~/AppData/Local")
    elif sys.platform == "darwin":
        default = Path("~/Library/Caches")
    user = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or default
    return Path(user) / "novelgen" / content.hexdigest()[:16]


def _writable_cache() -> str | None:
    """`cache_directory`, made where it does not exist; None where it cannot be written."""
    try:
        directory = cache_directory().expanduser()
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except (OSError, RuntimeError):  # the latter: there is no home directory
        return None
    return str(directory)


def compiled(function: Any) -> Any:
    """`njit` of a function, kept on disk where a directory for that can be written.

    It releases the interpreter's lock. Typed as Any: numba's own types describe neither the
    arguments nor the result of what it compiles.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": _FAST}
    if _CACHE is None:
        # Without `cache`: numba would look for a place of its own, which knows nothing of changes
        # in other files.
        return njit(**options)(function)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _CACHE
    try:
        return njit(cache=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before


_CACHE = _writable_cache()
_exact: Any = njit(error_model="numpy", fastmath={"contract"})

# exp(2x) of queries and keys stays within exp(±40), so that their product is finite in float32; at
# |x| = 20 every tanh is 1 to the last bit of float32 unless the two nearly cancel each other.
LARGEST_EXPONENT = 40.0

# Numbers whose maxima are taken at once.
_LANES = 64


@intrinsic
def _as_float(context, bits):
    """The float32 that has the same bits as an int32."""

    def emit(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), emit


@intrinsic
def _as_bits(context, value):
    """The bits of a float32 as an int32."""

    def emit(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), emit


def widen(value):
    """The number as sums take it: bfloat16 becomes float32, others stay as they are."""


@overload(widen, inline="always")
def _widen(value):
    if value == types.uint16:
        return lambda value: _as_float(np.int32(np.uint32(value) << np.uint32(16)))
    return lambda value: value


def narrow(value, array):
    """The number in the dtype of `array`, rounded to the nearest, ties to even."""


@overload(narrow, inline="always")
def _narrow(value, array):
    if array.dtype == types.uint16:

        def rounded(value, array):
            bits = np.uint32(_as_bits(np.float32(value)))
            return np.uint16(
                (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
                >> np.uint32(16)
            )

        return rounded
    return lambda value, array: value


@_exact
def clamp(value, limit):
    """`value` within ±limit; NaN stays NaN."""
    # Conditional expressions become selects, not branches: a loop over this one runs in vectors.
    value = -limit if value < -limit else value
    return limit if value > limit else value


@_exact
def _exp32(value):
    """Exp of a float32 to 2 units in the last place; beyond ±87, as at ±87.

    It is free of branches, so that a loop over it runs in vectors. The polynomial is that of
    Cephes' expf.
    """
    value = clamp(value, np.float32(87.0))
    # 1. value = power · ln 2 + rest. Adding 1.5 · 2^23 rounds to an integer, in the lowest bits.
    shifted = value * np.float32(1.4426950408889634) + np.float32(12582912.0)
    power = shifted - np.float32(12582912.0)
    rest = (value - power * np.float32(0.693145751953125)) - power * np.float32(
        1.428606765330187e-06
    )
    # 2. The polynomial of the rest, by Horner's rule.
    series = np.float32(1.9875691500e-4)
    for factor in (
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ):
        series = series * rest + np.float32(factor)
    series = series * rest * rest + rest + np.float32(1.0)
    # 3. Times 2^power, whose exponent is put together from its bits.
    return series * _as_float((_as_bits(shifted) << np.int32(23)) + np.int32(0x3F800000))


def exp(value):
    """The exponential of `value`, float32 or float64."""


@overload(exp, inline="always")
def _exp(value):
    if value == types.float32:
        return lambda value: _exp32(value)
    return lambda value: math.exp(clamp(value, 700.0))


@compiled
def sigmoid(value):
    """1 / (1 + e^−x)."""
    one = type(value)(1)
    return one / (one + exp(-value))


@compiled
def tanh(value):
    """1 − 2 / (1 + e^2x)."""
    one = type(value)(1)
    return one - (one + one) / (one + exp(value + value))


@compiled
def exponential(value):
    """e^2x of a query or a key, the exponent clamped."""
    return exp(clamp(value + value, type(value)(LARGEST_EXPONENT)))


@compiled
def largest(values):
    """The largest of values (N,).

    In lanes, which run in vectors: in a plain loop every maximum would wait for the one before it.
    """
    lanes = np.empty(_LANES, values.dtype)
    lanes[:] = values[0]
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] = max(lanes[lane], values[start + lane])
    top = values[0]
    for lane in range(_LANES):
        top = max(top, lanes[lane])
    for k in range(whole, len(values)):
        top = max(top, values[k])
    return top
