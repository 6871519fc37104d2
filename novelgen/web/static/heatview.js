// Moving about in the heatmap: hover, zoom, drag, pinch, keys.

const CLICK = 6; // pixels that a click may travel
const WEIGHT = 80; // pixels from no weight to the whole

class Heatmap {
    // `onPoint(row, column)` is called with what is pointed at, or with nothing; `onSelect(row)`
    // when a row is selected, with the column that was clicked. `pins` are shown, and changed by
    // dragging where `isPinning()`; then `onPins()` is called.
    constructor(canvas, words, {onPoint, onSelect, pins, isPinning, onPins}) {
        Object.assign(this, {canvas, words, onPoint, onSelect, pins, isPinning, onPins});
        Object.assign(this, {matrix: null, selected: null, cursor: null, marks: []});
        Object.assign(this, {fitted: true, waiting: false, isLog: false});
        this.context = canvas.getContext("2d");
        this.pointers = new Map();
        new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
        const classes = {attributes: true, attributeFilter: ["class"]};
        new MutationObserver(() => this.recolour()).observe(document.body, classes); // light, dark
        canvas.addEventListener("wheel", event => this.wheel(event), {passive: false});
        canvas.addEventListener("pointerdown", event => this.down(event));
        canvas.addEventListener("pointermove", event => this.move(event));
        for (const name of ["pointerup", "pointercancel"]) {
            canvas.addEventListener(name, event => this.up(event));
        }
        // A finger leaves whenever it is lifted: what it pointed at stays.
        canvas.addEventListener("pointerleave", event => {
            if (event.pointerType === "mouse") this.point(null);
        });
        canvas.addEventListener("blur", () => this.point(null));
        canvas.addEventListener("keydown", event => this.key(event));
    }

    // `view` is {weights, unit}, T * S values of a "share" or of "bits".
    show(rows, columns, view) {
        this.matrix = matrixOf(rows, columns, view);
        const {left, top} = this.matrix;
        Object.assign(this, {left, top, cursor: null, opened: false});
        this.recolour();
        this.resize();
    }

    recolour() {
        if (!this.matrix) return;
        const dark = document.body.classList.contains("dark");
        const style = getComputedStyle(this.canvas);
        const background = channels(style.backgroundColor);
        const night = {middle: [235, 85, 70], far: [255, 236, 200], against: [110, 160, 255]};
        this.colours = dark ? {background, ...night, dark}
            : {...PAPER, background};
        this.colours.text = style.color;
        this.colours.faint = style.caretColor;
        this.raster = rasterOf(this.matrix, this.colours, this.isLog);
        this.draw();
    }

    resize() {
        const width = this.canvas.parentElement.clientWidth;
        if (!this.matrix || !width) return;
        const fitting = Math.min(FITTED_CELL, (width - this.left - 4) / this.matrix.columns.length);
        const cell = Math.max(fitting, CLEAR_CELL);
        const wanted = this.top + cell * this.matrix.rows.length + LEGEND + 6;
        this.width = width;
        this.height = Math.round(Math.max(220, Math.min(wanted, 760, innerHeight * 0.8)));
        const sharpness = devicePixelRatio || 1;
        this.canvas.style.height = `${this.height}px`;
        this.canvas.width = Math.round(width * sharpness);
        this.canvas.height = Math.round(this.height * sharpness);
        this.context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
        if (!this.opened) this.open();
        else if (this.fitted) this.fit();
        else this.place();
    }

    // The first view: the whole, or as much of the source's end as is seen well.
    open() {
        Object.assign(this, {cell: CLEAR_CELL, x: -Infinity, y: 0, opened: true});
        if (this.smallest < CLEAR_CELL) this.place();
        else this.fit();
    }

    // The room for cells, in pixels.
    get room() {
        const width = this.width - this.left - 4;
        const height = this.height - this.top - LEGEND;
        return [Math.max(width, 1), Math.max(height, 1)];
    }

    get smallest() {
        const [width, height] = this.room;
        const {rows, columns} = this.matrix;
        return Math.min(FITTED_CELL, width / columns.length, height / rows.length);
    }

    fit() {
        Object.assign(this, {cell: this.smallest, x: 0, y: 0});
        this.place();
    }

    // Keeps the matrix in its frame, and draws.
    place() {
        if (!this.matrix || !this.width) return;
        const [width, height] = this.room;
        this.cell = Math.max(this.smallest, Math.min(LARGEST_CELL, this.cell));
        this.x = Math.min(0, Math.max(width - this.cell * this.matrix.columns.length, this.x));
        this.y = Math.min(0, Math.max(height - this.cell * this.matrix.rows.length, this.y));
        this.fitted = this.cell <= this.smallest * 1.001;
        // One finger scrolls the page as long as there is nothing to drag that way.
        const isLow = this.cell * this.matrix.rows.length <= height * 1.001;
        this.canvas.style.touchAction = isLow && !this.isPinning() ? "pan-y" : "none";
        if (this.cursor) this.onPoint(...this.cursor); // which has moved
        this.draw();
    }

    // Zooms by a factor around a point of the canvas, its middle when none is given.
    zoom(factor, x = this.left + this.room[0] / 2, y = this.top + this.room[1] / 2) {
        const before = this.cell;
        this.cell = Math.max(this.smallest, Math.min(LARGEST_CELL, before * factor));
        const scale = this.cell / before;
        this.x = (x - this.left) - (x - this.left - this.x) * scale;
        this.y = (y - this.top) - (y - this.top - this.y) * scale;
        this.place();
    }

    draw() {
        if (this.waiting || !this.matrix || !this.width) return;
        this.waiting = true;
        requestAnimationFrame(() => {
            this.waiting = false;
            paint(this);
        });
    }

    cellAt(x, y) {
        const [width, height] = this.room;
        if (x < this.left || y < this.top) return null;
        if (x >= this.left + width || y >= this.top + height) return null;
        const j = Math.floor((x - this.left - this.x) / this.cell);
        const i = Math.floor((y - this.top - this.y) / this.cell);
        return i < this.matrix.rows.length && j < this.matrix.columns.length ? [i, j] : null;
    }

    // Where the middle of a cell is on the canvas.
    middle([i, j]) {
        const x = this.left + this.x + (j + 0.5) * this.cell;
        const y = this.top + this.y + (i + 0.5) * this.cell;
        return [x, y];
    }

    point(cell) {
        if (String(cell) === String(this.cursor)) return;
        this.cursor = cell;
        this.onPoint(...(cell ?? []));
        this.draw();
    }

    select(row) {
        this.selected = row;
        if (this.width) this.reveal(row, null);
        this.place();
    }

    // Moves the view as little as needed to show a row, and a column unless it is null.
    reveal(i, j) {
        const [width, height] = this.room;
        const [x, y] = this.middle([i, j ?? 0]);
        const half = this.cell / 2;
        this.y += Math.max(0, this.top + half - y) - Math.max(0, y + half - this.top - height);
        if (j === null) return;
        this.x += Math.max(0, this.left + half - x) - Math.max(0, x + half - this.left - width);
    }

    wheel(event) {
        // The whole is shown already: the page scrolls.
        if (!this.matrix || (this.fitted && event.deltaY > 0)) return;
        event.preventDefault();
        const pixels = event.deltaY * (event.deltaMode ? 20 : 1);
        const factor = Math.exp(-Math.max(-120, Math.min(120, pixels)) / 300);
        this.zoom(factor, event.offsetX, event.offsetY);
        this.point(this.cellAt(event.offsetX, event.offsetY));
    }

    down(event) {
        if (!this.matrix) return;
        this.canvas.setPointerCapture(event.pointerId);
        const at = [event.offsetX, event.offsetY];
        this.pointers.set(event.pointerId, at);
        const isFirst = this.pointers.size === 1;
        this.travelled = isFirst ? 0 : Infinity;
        // What is dragged: a cell of a row whose weights are given, or else the whole.
        const cell = isFirst && this.isPinning() ? this.cellAt(...at) : null;
        this.held = cell && {cell, at, isAcross: null};
        if (cell) this.pins.hold(cell[0]);
    }

    move(event) {
        if (!this.matrix) return;
        const before = this.pointers.get(event.pointerId);
        const now = [event.offsetX, event.offsetY];
        // 1. Nothing is pressed: hover.
        if (!before) return this.point(this.cellAt(...now));
        const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
        this.pointers.set(event.pointerId, now);
        // 2. Two fingers: zoom around the middle between them.
        if (other) {
            const factor = distance(now, other) / Math.max(distance(before, other), 1);
            return this.zoom(factor, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
        }
        // 3. One: drag.
        this.travelled += distance(before, now);
        if (this.held) return this.pull(now);
        this.point(null);
        this.x += now[0] - before[0];
        this.y += now[1] - before[1];
        this.place();
    }

    // Dragging a cell marks those beside it, or weighs it: whatever it begins with.
    pull([x, y]) {
        const {cell: [row, column], at} = this.held;
        const [right, up] = [x - at[0], at[1] - y];
        if (Math.hypot(right, up) <= CLICK) return;
        this.held.isAcross ??= Math.abs(right) > Math.abs(up);
        if (this.held.isAcross) {
            const to = this.columnAt(x);
            this.pins.mark(row, column, to);
            this.point([row, to]);
        } else {
            this.pins.weigh(row, column, up / WEIGHT);
            this.point([row, column]);
        }
        this.onPins();
    }

    columnAt(x) {
        const column = Math.floor((x - this.left - this.x) / this.cell);
        return Math.max(0, Math.min(this.matrix.columns.length - 1, column));
    }

    up(event) {
        const wasDown = this.pointers.delete(event.pointerId);
        const isClick = wasDown && this.travelled <= CLICK && event.type === "pointerup";
        if (!isClick) return;
        const cell = this.cellAt(event.offsetX, event.offsetY);
        this.point(cell);
        if (cell) this.onSelect(...cell);
    }

    key(event) {
        const steps = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
        const zooms = {"+": 1.25, "=": 1.25, "-": 0.8};
        const around = this.cursor && this.matrix ? this.middle(this.cursor) : [];
        if (!this.matrix || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key in steps && event.shiftKey && this.isPinning()) this.pullByKey(event.key);
        else if (event.key in steps) this.step(...steps[event.key]);
        else if (event.key in zooms) this.zoom(zooms[event.key], ...around);
        else if (event.key === "0") this.fit();
        else if (event.key === "Enter" && this.cursor) this.onSelect(...this.cursor);
        else return;
        event.preventDefault();
    }

    // As `pull`, by a cell or a tenth of the weight.
    pullByKey(key) {
        const [row, column] = this.cursor ?? [this.selected ?? 0, 0];
        const across = {ArrowLeft: -1, ArrowRight: 1}[key];
        this.pins.hold(row);
        if (across) {
            this.step(0, this.cursor ? across : 0);
            this.pins.mark(row, column, this.cursor[1]);
        } else {
            this.pins.weigh(row, column, key === "ArrowUp" ? 0.1 : -0.1);
        }
        this.onPins();
    }

    // Moves the cursor by a cell, and the view with it.
    step(down, across) {
        const [i, j] = this.cursor ?? [(this.selected ?? 0) - down, -across];
        const {rows, columns} = this.matrix;
        const cell = [
            Math.max(0, Math.min(rows.length - 1, i + down)),
            Math.max(0, Math.min(columns.length - 1, j + across)),
        ];
        this.reveal(...cell);
        this.place();
        this.point(cell);
    }
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const channels = colour => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
