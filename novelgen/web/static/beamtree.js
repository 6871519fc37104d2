// The beam's hypotheses as they lived and died: a tree from left to right, a column a token.

const BEAM_COLUMN = 30, BEAM_ROW = 22; // pixels
// As they are in a file; on the page attention.css has the colours of light and dark.
const BEAM_INK = {lived: "#1c1917", ended: "#1c1917", died: "#78716c", written: "#b91c1c"};

// `steps` are lists of [parent, text, log-probability, ended]; `chosen` are the texts of what was
// written in the end.
function beamTree(steps, chosen, words) {
    const NAME = "http://www.w3.org/2000/svg";
    const shape = (name, attributes, text = "") => {
        const made = document.createElementNS(NAME, name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        made.textContent = text;
        return made;
    };
    const tallest = Math.max(...steps.map(step => step.length));
    const width = BEAM_COLUMN * steps.length + 40;
    const height = BEAM_ROW * tallest + 16;
    const svg = shape("svg", {
        width, height, viewBox: `0 0 ${width} ${height}`, xmlns: NAME, role: "img",
        "aria-label": words.beam, class: "attention-beam-tree", "font-size": 13,
    });
    const x = step => 20 + BEAM_COLUMN * step;
    const y = place => 16 + BEAM_ROW * place;
    // The way of what was written, from its end back to the beginning.
    const written = new Set();
    const last = Math.min(chosen.length, steps.length) - 1;
    const spells = (step, place) => {
        const way = [];
        for (let at = step; at >= 0; at--) {
            way.push([at, place]);
            if (steps[at][place][1] !== chosen[at]) return null;
            place = steps[at][place][0];
        }
        return way;
    };
    steps[last]?.some((_, place) => {
        const way = spells(last, place);
        way?.forEach(([step, at]) => written.add(`${step} ${at}`));
        return way;
    });
    // Who has a child lives on.
    const parents = steps.map(() => new Set());
    steps.slice(1).forEach((step, number) => step.forEach(([parent]) => parents[number].add(parent)));
    steps.forEach((step, number) => step.forEach(([parent, text, logProbability, ended], place) => {
        const isWritten = written.has(`${number} ${place}`);
        const state = ended ? "ended" : parents[number].has(place) ? "lived" : "died";
        const classes = `attention-beam-${state}${isWritten ? " attention-beam-written" : ""}`;
        const ink = BEAM_INK[isWritten ? "written" : state];
        if (number) {
            svg.append(shape("line", {
                x1: x(number - 1) + 8, y1: y(parent) - 4, x2: x(number) - 8, y2: y(place) - 4,
                class: classes, stroke: ink, "stroke-width": isWritten ? 2 : 1,
            }));
        }
        const label = shape("text", {x: x(number), y: y(place), "text-anchor": "middle", class: classes, fill: ink},
            nameOf(text));
        label.append(shape("title", {}, filled(words.beam_node, {
            text, logprob: logProbability.toFixed(2), state: words[`beam_${state}`],
        })));
        svg.append(label);
    }));
    return svg;
}

// An SVG element as a file, and as a PNG of twice its size on white.
function vectorFile(svg) {
    return new Blob([new XMLSerializer().serializeToString(svg)], {type: "image/svg+xml"});
}

async function pictureFile(svg) {
    const image = new Image();
    const address = URL.createObjectURL(vectorFile(svg));
    try {
        image.src = address;
        await image.decode();
    } finally {
        URL.revokeObjectURL(address);
    }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise(resolve => canvas.toBlob(resolve, "image/png"));
}
