// A matrix of attention weights on a canvas: written tokens down, source tokens across.

const FONT = [
    "system-ui", "-apple-system", '"PingFang SC"', '"Microsoft YaHei"', '"Noto Sans CJK SC"',
    '"WenQuanYi Zen Hei"', "sans-serif",
].join(", ");
// Pixels: of a cell at most, of a cell when the whole is shown, of a cell that is seen well, of a
// label's letter, of the legend.
const LARGEST_CELL = 64, FITTED_CELL = 32, CLEAR_CELL = 14, LABEL = 14, LEGEND = 26;
const PAPER = {
    background: [255, 255, 255], middle: [225, 60, 50], far: [90, 10, 20],
    against: [35, 90, 180], text: "#1c1917", faint: "#57534e", dark: false,
};

// How a character is written on an axis: nothing is invisible.
function visible(character) {
    if (character === " " || character === "\u3000") return "␣";
    if (!/[\p{C}\p{Z}]/u.test(character)) return character;
    return `U+${character.codePointAt(0).toString(16).toUpperCase()}`;
}

// What stands for a token on an axis, not too long.
function nameOf(piece) {
    const shown = [...piece].map(visible);
    return shown.length > 6 ? shown.slice(0, 5).join("") + "…" : shown.join("");
}

// With two digits at least, so that a small share is told from none.
function percent(share) {
    if (share >= 0.001) return `${(100 * share).toFixed(1)}%`;
    return share >= 1e-7 ? `${Number((100 * share).toPrecision(2))}%` : "≈ 0";
}

// A value of a view, in its unit: the share of a weight, or bits with their sign.
function amount(value, view, words) {
    if (view.unit === "share") return percent(value);
    return filled(words.bits, {bits: `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`});
}

const isWide = text => [...text].every(c => c.codePointAt(0) > 0x2e7f);

// From -1, what speaks against, to 1.
function colourOf(share, colours) {
    if (share < 0) {
        return colours.background.map(
            (value, channel) => value - (colours.against[channel] - value) * share,
        );
    }
    const isLow = share < 0.65;
    const from = isLow ? colours.background : colours.middle;
    const to = isLow ? colours.middle : colours.far;
    const part = isLow ? share / 0.65 : (share - 0.65) / 0.35;
    return from.map((value, channel) => value + (to[channel] - value) * part);
}

// How strongly a weight is coloured, by its share of the largest: the square root, or the logarithm
// over four decades, which shows small weights as well.
const DECADES = 4;
function strengthOf(share, isLog) {
    return isLog ? Math.max(0, 1 + Math.log10(share) / DECADES) : Math.sqrt(share);
}

// The matrix as a picture of one pixel a cell.
function rasterOf(matrix, colours, isLog) {
    const steps = 255; // on either side of 0
    const table = Array.from(
        {length: 2 * steps + 1}, (_, step) => colourOf((step - steps) / steps, colours),
    );
    const width = Math.max(matrix.columns.length, 1);
    const height = Math.max(matrix.rows.length, 1);
    const picture = new ImageData(width, height);
    matrix.weights.forEach((weight, cell) => {
        const colour = table[steps + Math.round(steps * signedStrength(weight, matrix, isLog))];
        picture.data.set([colour[0], colour[1], colour[2], 255], 4 * cell);
    });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
}

// How strongly a value is coloured, with its sign.
function signedStrength(value, matrix, isLog) {
    return Math.sign(value) * strengthOf(Math.abs(value) / (matrix.largest || 1), isLog);
}

// Draws one view of a matrix: {context, matrix, raster, colours, isLog, words, width, height, left,
// top, cell, x, y, selected, cursor, marks}. x and y are where the first cell stands, in pixels to
// the right of the axis and below it; marks are the rows of Pins.
function paint(view) {
    const {context, matrix, cell, left, top} = view;
    const right = Math.min(view.width, left + view.x + cell * matrix.columns.length);
    const bottom = Math.min(view.height - LEGEND, top + view.y + cell * matrix.rows.length);
    // The columns and rows that are seen: [first, last + 1].
    const seen = (offset, room) => [
        Math.max(0, Math.floor(-offset / cell)),
        Math.ceil((room - offset) / cell),
    ];
    const across = seen(view.x, right - left);
    const down = seen(view.y, bottom - top);
    context.fillStyle = `rgb(${view.colours.background})`;
    context.fillRect(0, 0, view.width, view.height);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.imageSmoothingEnabled = false;
    const columns = across[1] - across[0];
    const rows = down[1] - down[0];
    context.drawImage(
        view.raster, across[0], down[0], columns, rows,
        left + view.x + across[0] * cell, top + view.y + down[0] * cell,
        columns * cell, rows * cell,
    );
    paintMarks(view);
    paintLines(view, across, down, right, bottom);
    context.restore();
    paintLabels(view, across, down, right, bottom);
    paintLegend(view);
}

function paintLines(view, across, down, right, bottom) {
    const {context, cell, left, top} = view;
    if (cell >= 10) {
        context.fillStyle = view.colours.dark ? "rgba(255,255,255,.06)" : "rgba(0,0,0,.06)";
        for (let j = across[0]; j <= across[1]; j++) {
            context.fillRect(Math.round(left + view.x + j * cell), top, 1, bottom - top);
        }
        for (let i = down[0]; i <= down[1]; i++) {
            context.fillRect(left, Math.round(top + view.y + i * cell), right - left, 1);
        }
    }
    const frame = (i, colour) => {
        context.strokeStyle = colour;
        context.lineWidth = 1.5;
        context.strokeRect(left - 2, top + view.y + i * cell, right - left + 4, Math.max(cell, 3));
    };
    if (view.selected !== null) frame(view.selected, view.colours.text);
    if (view.cursor) {
        const [i, j] = view.cursor;
        frame(i, view.colours.faint);
        context.strokeRect(left + view.x + j * cell, top - 2, Math.max(cell, 3), bottom - top + 4);
    }
}

// Small cells have a name every few only, and the one that is pointed at or selected.
function paintLabels(view, across, down, right, bottom) {
    const {context, matrix, cell, left, top} = view;
    const size = Math.max(9, Math.min(LABEL, cell * 0.9));
    const every = Math.max(1, Math.ceil((size + 1) / cell));
    const [row, column] = view.cursor ?? [view.selected, null];
    context.font = `${size}px ${FONT}`;
    context.textBaseline = "middle";
    const isShown = (number, marked) => {
        if (number === marked) return true;
        const isFree = marked === null || Math.abs(number - marked) >= every;
        return isFree && number % every === 0;
    };
    context.textAlign = "right";
    for (let i = down[0]; i < down[1]; i++) {
        const y = top + view.y + (i + 0.5) * cell;
        if (!isShown(i, row) || y < top || y > bottom) continue;
        context.fillStyle = i === row ? view.colours.text : view.colours.faint;
        context.fillText(matrix.rows[i], left - 6, y);
    }
    context.textAlign = "center";
    for (let j = across[0]; j < across[1]; j++) {
        const x = left + view.x + (j + 0.5) * cell;
        if (!isShown(j, column) || x < left || x > right) continue;
        context.fillStyle = j === column ? view.colours.text : view.colours.faint;
        paintColumnName(context, matrix.columns[j], x, top, size);
    }
    context.fillStyle = view.colours.faint;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.fillText(`${view.words.down}   ${view.words.across}`, 4, 10);
}

// Chinese is written downwards above its column; anything else of several letters is turned.
function paintColumnName(context, name, x, top, size) {
    const letters = [...name];
    if (letters.length === 1 || isWide(name)) {
        letters.forEach((letter, place) => {
            context.fillText(letter, x, top - 4 - size * (letters.length - place - 0.5));
        });
        return;
    }
    context.save();
    context.translate(x, top - 5);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(name, 0, 0);
    context.restore();
}

function paintLegend(view) {
    const {context, isLog, matrix, words} = view;
    const y = view.height - 13, from = view.left, width = 120;
    const band = context.createLinearGradient(from, 0, from + width, 0);
    const least = matrix.unit === "share" ? 0 : -1;
    for (let step = 0; step <= 16; step++) {
        const share = least + (1 - least) * step / 16;
        const strength = isLog ? share : Math.sign(share) * strengthOf(Math.abs(share));
        band.addColorStop(step / 16, `rgb(${colourOf(strength, view.colours)})`);
    }
    context.fillStyle = band;
    context.fillRect(from, y - 4, width, 8);
    context.strokeStyle = view.colours.faint;
    context.lineWidth = 0.5;
    context.strokeRect(from, y - 4, width, 8);
    context.fillStyle = view.colours.faint;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.fillText(legendOf(matrix, isLog, words), from + width + 8, y);
}

function legendOf(matrix, isLog, words) {
    const largest = amount(matrix.largest, matrix, words);
    if (matrix.unit !== "share") return `${amount(-matrix.largest, matrix, words)} … ${largest}`;
    const smallest = isLog ? percent(matrix.largest / 10 ** DECADES) : 0;
    return `${smallest} … ${largest}  ${words.weight}`;
}

// {rows, columns, weights, unit} with the margins that its names need.
function matrixOf(rows, columns, {weights, unit}) {
    const measure = document.createElement("canvas").getContext("2d");
    measure.font = `${LABEL}px ${FONT}`;
    const width = name => measure.measureText(name).width;
    const height = name => {
        const count = [...name].length;
        return isWide(name) || count === 1 ? LABEL * count : width(name);
    };
    const most = (names, size) => names.reduce((most, name) => Math.max(most, size(name)), LABEL);
    return {
        rows, columns, weights, unit,
        largest: weights.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0),
        left: Math.ceil(Math.max(most(rows, width) + 12, 24)),
        top: Math.ceil(20 + most(columns, height) + 6),
    };
}

// The whole matrix, light as paper, as a PNG of at most about 8,000 pixels a side.
function pictureOf(matrix, isLog, words) {
    const longest = Math.max(matrix.rows.length, matrix.columns.length, 1);
    const cell = Math.max(4, Math.min(24, Math.floor(4000 / longest)));
    const width = Math.max(matrix.left + cell * matrix.columns.length + 16, 320);
    const height = matrix.top + cell * matrix.rows.length + LEGEND + 8;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    paint({
        context, matrix, raster: rasterOf(matrix, PAPER, isLog), colours: PAPER, isLog, words,
        width, height, left: matrix.left, top: matrix.top, cell, x: 0, y: 0,
        selected: null, cursor: null, marks: [],
    });
    return new Promise(resolve => canvas.toBlob(resolve, "image/png"));
}

// The same as SVG: cells are rectangles, names are texts.
function vectorOf(matrix, isLog, words) {
    const cell = 16;
    const width = matrix.left + cell * matrix.columns.length + 16;
    const height = matrix.top + cell * matrix.rows.length + 28;
    const escaped = text => text.replace(/[&<>"]/g, letter => `&#${letter.charCodeAt(0)};`);
    const parts = [
        `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`
        + ` viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
        `<rect width="100%" height="100%" fill="#fff"/>`,
    ];
    matrix.rows.forEach((name, i) => {
        const y = matrix.top + cell * i;
        parts.push(
            `<text x="${matrix.left - 6}" y="${y + 12}" text-anchor="end">${escaped(name)}</text>`,
        );
        matrix.columns.forEach((_, j) => {
            const value = matrix.weights[i * matrix.columns.length + j];
            const colour = colourOf(signedStrength(value, matrix, isLog), PAPER).map(Math.round);
            const x = matrix.left + cell * j;
            parts.push(
                `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="rgb(${colour})"/>`,
            );
        });
    });
    matrix.columns.forEach((name, j) => {
        const x = matrix.left + cell * (j + 0.5);
        [...name].reverse().forEach((letter, place) => {
            const y = matrix.top - 6 - 13 * place;
            parts.push(`<text x="${x}" y="${y}" text-anchor="middle">${escaped(letter)}</text>`);
        });
    });
    const legend = escaped(legendOf(matrix, isLog, words));
    parts.push(`<text x="${matrix.left}" y="${height - 8}">${legend}</text></svg>`);
    return new Blob([parts.join("\n")], {type: "image/svg+xml"});
}
