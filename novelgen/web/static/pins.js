// Attention by hand: for written tokens, the weights of the source positions that they must look at.

class Pins {
    constructor() {
        this.rows = new Map(); // of a token: a Map from source position to weight, 0 to 1
    }

    // A cell takes part in its row, or no more.
    toggle(row, column) {
        const cells = new Map(this.rows.get(row));
        cells.has(column) ? cells.delete(column) : cells.set(column, 1);
        this.put(row, cells);
    }

    put(row, cells) {
        cells.size ? this.rows.set(row, cells) : this.rows.delete(row);
    }

    // Something is dragged over a row. Until the next call the two below change what the row is now,
    // so that dragging back takes back.
    hold(row) {
        this.held = new Map(this.rows.get(row));
    }

    // Marks the cells from a column to another one, with the weight of the first.
    mark(row, from, to) {
        const cells = new Map(this.held);
        const weight = cells.get(from) ?? 1;
        for (let column = Math.min(from, to); column <= Math.max(from, to); column++) {
            if (!cells.has(column)) cells.set(column, weight);
        }
        this.put(row, cells);
    }

    // Changes the weight of a cell, in steps of 0.05; at 0 it takes part no more.
    weigh(row, column, change) {
        const cells = new Map(this.held);
        const wanted = (cells.get(column) ?? 1) + change;
        const weight = Math.round(20 * Math.max(0, Math.min(1, wanted))) / 20;
        weight ? cells.set(column, weight) : cells.delete(column);
        this.put(row, cells);
    }

    // Rows over a source of `size` positions, by token; the server scales them to sum to one.
    given(size) {
        const rows = {};
        for (const [row, cells] of this.rows) {
            const weights = Array.from({length: size}, (_, column) => cells.get(column) ?? 0);
            if (weights.some(weight => weight > 0)) rows[row] = weights;
        }
        return rows;
    }
}

// A cell with a weight by hand has a frame, and a bar as high as the weight.
function paintMarks({context, colours, marks, cell, left, top, x, y}) {
    context.fillStyle = context.strokeStyle = `rgb(${colours.against})`;
    context.lineWidth = 1;
    for (const [row, cells] of marks) {
        for (const [column, weight] of cells) {
            const [atX, atY] = [left + x + column * cell, top + y + row * cell];
            const bar = weight * (cell - 2);
            context.fillRect(atX + 1, atY + cell - 1 - bar, cell - 2, bar);
            context.strokeRect(atX + 0.5, atY + 0.5, cell - 1, cell - 1);
        }
    }
}
