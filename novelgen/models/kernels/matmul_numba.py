"""Matrix products in float32 and float64, compiled: a packed weight times any number of rows.

The scheme is that of Goto and van de Geijn (2008). A weight is packed once into panels of a few
columns, and a tile of the result, some rows by the columns of one panel, stays in registers while
the whole depth is summed up. Measured on an AVX2 core (EPYC, 85 to 90 GFLOP/s in a square product
of PyTorch): 90 GFLOP/s from 6 rows on, where PyTorch's own product reaches 35 with 6 rows and 57
with 32.
"""

# ruff: noqa: ARG001 -- numba fixes which arguments an intrinsic has

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from novelgen.models.kernels.math_numba import compiled

# Lanes of a float32 vector, and the tile that fills the registers: AVX512 has 32 registers of 16,
# AVX2 16 registers of 8. Elsewhere (SSE, NEON) registers hold 4.
_FEATURES = binding.get_host_cpu_features()
LANES, ROWS = 4, 6
if _FEATURES.get("avx2"):
    LANES, ROWS = 8, 6
if _FEATURES.get("avx512f"):
    LANES, ROWS = 16, 12
COLUMNS = 2 * LANES

# A panel of this depth stays in the first-level cache, so many rows of the left side in the second.
DEPTH = 512
CHUNK = 48


# Panels that one row is multiplied by at once: a single panel has too few sums to keep the
# multipliers busy.
ROW_PANELS = 4


class _Tile:
    """Emits out (r, w · COLUMNS) += left (r, K) · w panels (K, COLUMNS), for one number of rows r.

    The w panels lie panel_stride bytes apart.
    """

    def __init__(
        self,
        builder: Any,
        element: ir.Type,
        panel_element: ir.Type,
        width: int = 1,
        panel_stride: Any = None,
    ) -> None:
        self.builder = builder
        self.width = width
        self.panel_stride = panel_stride
        self.element = element
        self.panel_element = panel_element
        self.vector = ir.VectorType(element, LANES)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = "f32" if isinstance(element, ir.FloatType) else "f64"
        self.fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}{name}")

    def address(self, base: Any, offset: Any, kind: ir.Type) -> Any:
        """A pointer to what lies `offset` bytes behind base."""
        byte = self.builder.bitcast(base, ir.IntType(8).as_pointer())
        return self.builder.bitcast(self.builder.gep(byte, [offset]), kind.as_pointer())

    def weights(self, base: Any, offset: Any, size: int) -> list[Any]:
        """The two vectors of a panel's row, whose numbers have `size` bytes.

        In bfloat16, as uint16, numbers of the first and of the second alternate: one load, a shift
        and a mask widen both. With the two one behind the other a single row took 1.2 times as
        long.
        """
        if not isinstance(self.panel_element, ir.IntType):
            second = self.builder.add(offset, ir.IntType(64)(LANES * size))
            return [
                self.builder.load(self.address(base, place, self.vector), align=size)
                for place in (offset, second)
            ]
        pairs = ir.VectorType(ir.IntType(32), LANES)
        loaded = self.builder.load(self.address(base, offset, pairs), align=size)
        first = self.builder.shl(loaded, ir.Constant(pairs, [16] * LANES))
        second = self.builder.and_(loaded, ir.Constant(pairs, [0xFFFF0000] * LANES))
        return [self.builder.bitcast(half, self.vector) for half in (first, second)]

    def prefetch(self, base: Any, offset: Any) -> None:
        """Asks for what lies `offset` bytes behind base, to be in the second-level cache soon."""
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = self.builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = self.address(base, offset, ir.IntType(8))
        self.builder.call(fetch, [place, number(0), number(2), number(1)])  # to read; L2; data

    def broadcast(self, base: Any, offset: Any, align: int) -> Any:
        """One number of the left side in all lanes."""
        number = self.builder.load(self.address(base, offset, self.element), align=align)
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def emit(
        self,
        rows: int,
        left: Any,
        left_strides: Any,
        panel: Any,
        depth: Any,
        out: Any,
        stride: Any,
        ahead: Any = None,
        ahead_step: Any = None,
    ) -> None:
        """The loop over the depth; strides are in bytes, the last block is where it ends."""
        builder, word = self.builder, ir.IntType(64)
        size = 4 if isinstance(self.element, ir.FloatType) else 8
        panel_size = 2 if isinstance(self.panel_element, ir.IntType) else size
        places = [
            self.address(
                out,
                builder.add(builder.mul(word(row), stride), word(half * LANES * size)),
                self.vector,
            )
            for row in range(rows)
            for half in range(2 * self.width)
        ]
        panels = [panel]
        for _ in range(1, self.width):
            panels.append(self.address(panels[-1], self.panel_stride, self.panel_element))
        # The result may be far away: it is sent for here, and added to at the end.
        for place in places:
            self.prefetch(place, word(0))
        entry = builder.block
        loop = builder.append_basic_block("depth")
        end = builder.append_basic_block("end")
        builder.branch(loop)

        builder.position_at_end(loop)
        k = builder.phi(word)
        k.add_incoming(word(0), entry)
        sums = [builder.phi(self.vector) for _ in places]
        for total in sums:
            total.add_incoming(ir.Constant(self.vector, [0.0] * LANES), entry)
        in_panel = builder.mul(k, word(COLUMNS * panel_size))
        if ahead is not None:
            self.prefetch(panel, builder.add(ahead, builder.mul(k, ahead_step)))
        halves = [half for each in panels for half in self.weights(each, in_panel, panel_size)]
        after = []
        for row in range(rows):
            in_left = builder.add(
                builder.mul(word(row), left_strides[0]), builder.mul(k, left_strides[1])
            )
            number = self.broadcast(left, in_left, size)
            after += [
                builder.call(self.fma, [number, weights, sums[len(halves) * row + half]])
                for half, weights in enumerate(halves)
            ]
        following = builder.add(k, word(1))
        k.add_incoming(following, loop)
        for total, result in zip(sums, after, strict=True):
            total.add_incoming(result, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth), loop, end)

        builder.position_at_end(end)
        for place, result in zip(places, after, strict=True):
            before = builder.load(place, align=size)
            builder.store(builder.fadd(before, result), place, align=size)


@intrinsic
def _tile(typing_context, left, panel, out, ahead, ahead_step):
    """Out (r, COLUMNS) += left (r, K) · panel (K, COLUMNS), 1 ≤ r ≤ ROWS, K ≥ 1.

    Rows are contiguous, and may be any distance apart in left and out. While it runs, what lies
    `ahead` bytes behind the panel, and `ahead_step` more for each of its rows, is fetched.
    """

    def emit(context, builder, signature, arguments):
        arrays = [
            cgutils.create_struct_proxy(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
        ]
        rows, depth = cgutils.unpack_tuple(builder, arrays[0].shape)
        left_strides = cgutils.unpack_tuple(builder, arrays[0].strides)
        out_stride, _ = cgutils.unpack_tuple(builder, arrays[2].strides)
        element = context.get_value_type(left.dtype)
        tile = _Tile(builder, element, context.get_value_type(panel.dtype))
        done = builder.append_basic_block("done")
        switch = builder.switch(rows, done)
        for count in range(1, ROWS + 1):
            case = builder.append_basic_block(f"rows{count}")
            switch.add_case(ir.IntType(64)(count), case)
            builder.position_at_end(case)
            tile.emit(
                count,
                arrays[0].data,
                left_strides,
                arrays[1].data,
                depth,
                arrays[2].data,
                out_stride,
                *arguments[3:],
            )
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(left, panel, out, types.int64, types.int64), emit


@compiled
def pack(weight, panels):
    """Fills panels (P, K, COLUMNS) with weight (N, K), whose columns are padded with zeros.

    panels[p, k, c] is weight[p · COLUMNS + c, k].
    """
    size, depth = weight.shape
    for p in range(len(panels)):
        first = p * COLUMNS
        columns = min(COLUMNS, size - first)
        for k in range(depth):
            for c in range(columns):
                panels[p, k, c] = weight[first + c, k]
        panels[p, :, columns:] = 0


@compiled
def _add_product(part, panels, start, out):
    """Out (R, N) += part (R, k) · panels[:, start : start + k], for some rows that stay cached."""
    rows, depth = part.shape
    size = out.shape[1]
    edge = np.empty((ROWS, COLUMNS), out.dtype)
    tiles = (rows + ROWS - 1) // ROWS
    row_bytes = COLUMNS * panels.itemsize
    for p in range(len(panels)):
        panel = panels[p, start : start + depth]
        first = p * COLUMNS
        columns = min(COLUMNS, size - first)
        for tile in range(tiles):  # of about as many rows
            low = tile * rows // tiles
            high = (tile + 1) * rows // tiles
            # Each tile fetches its share of the next panel: weights come from the third-level cache
            # or the memory, as a step of a loop reads more than a core's own caches hold.
            ahead = panels.shape[1] * row_bytes + tile * depth * row_bytes // tiles
            step = row_bytes // tiles
            if columns == COLUMNS:
                _tile(part[low:high], panel, out[low:high, first : first + COLUMNS], ahead, step)
                continue
            edge[:] = 0
            _tile(part[low:high], panel, edge[: high - low, 0:COLUMNS], ahead, step)
            for row in range(low, high):
                for c in range(columns):
                    out[row, first + c] += edge[row - low, c]


@compiled
def multiply(left, panels, out):
    """Out (R, N) += left (R, K) · weight (N, K)ᵀ, the weight packed in panels (P, K, COLUMNS)."""
    rows, depth = left.shape
    for top in range(0, rows, CHUNK):
        for start in range(0, depth, DEPTH):
            part = left[top : top + CHUNK, start : start + DEPTH]
            _add_product(part, panels, start, out[top : top + CHUNK, 0 : out.shape[1]])


@intrinsic
def _row_tile(typing_context, left, panels, out):
    """Out (1, ROW_PANELS · COLUMNS) += left (1, K) · panels (ROW_PANELS, K, COLUMNS)."""

    def emit(context, builder, signature, arguments):
        arrays = [
            cgutils.create_struct_proxy(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        depth = cgutils.unpack_tuple(builder, arrays[0].shape)[1]
        left_strides = cgutils.unpack_tuple(builder, arrays[0].strides)
        panel_stride = cgutils.unpack_tuple(builder, arrays[1].strides)[0]
        element = context.get_value_type(left.dtype)
        panel_element = context.get_value_type(panels.dtype)
        tile = _Tile(builder, element, panel_element, ROW_PANELS, panel_stride)
        left_data, panel_data, out_data = (array.data for array in arrays)
        tile.emit(1, left_data, left_strides, panel_data, depth, out_data, depth)
        return context.get_dummy_value()

    return types.void(left, panels, out), emit


@compiled
def multiply_few(left, panels, out):
    """`multiply` where there may be a single row: that is read along several panels at once."""
    several = ROW_PANELS * COLUMNS
    whole = 0  # columns that are done
    if len(left) == 1:
        for first in range(0, out.shape[1] - several + 1, several):
            p = first // COLUMNS
            columns = out[:, first : first + several]
            # In the parts that `multiply` adds up, so that a row's sums are the same.
            for start in range(0, left.shape[1], DEPTH):
                part = left[:, start : start + DEPTH]
                _row_tile(part, panels[p : p + ROW_PANELS, start : start + DEPTH], columns)
            whole = first + several
    multiply(left, panels[whole // COLUMNS :], out[:, whole:])
