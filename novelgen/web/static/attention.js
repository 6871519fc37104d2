// The Attention tab: shows what comes from the server in the heatmap and in the linked texts, and
// sends clicks back. All texts are set as text, never as HTML.
//
// The payload is made by attention_view.py, the texts by attention_words.py.

const root = element.querySelector(".attention");
// The browser's language, as for the rest of the page.
const words = props.words[navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"];
const find = id => root.querySelector(`#attention-${id}`);
const tip = root.querySelector(".attention-tip");
const readout = find("cell");
const chooser = find("paragraph");
// The payload, with `views` by name, Float32Arrays of T * S, and `view`, the one that is shown.
let data = null;
let revision = 0; // of what is shown; an answer with a lower one comes too late

function decoded(text) {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    return new Float32Array(bytes.buffer);
}

// A name for every token: a character that is spelled in bytes stands at its first byte.
function namesOf(pieces) {
    return pieces.flatMap(([text, count]) => [nameOf(text), ...Array(count - 1).fill("·")]);
}

function select(token) {
    reading.select(token);
    heatmap.select(token);
}

const isAttention = () => data?.view.name === "attention";

// Shows another view of the same paragraph.
function setView(name) {
    data.view = {name, weights: data.views[name], ...VIEWS[name]};
    find("source-name").textContent = words[`source_${data.view.unit}`];
    const names = [namesOf(data.output_pieces), namesOf(data.source_pieces)];
    heatmap.marks = isAttention() ? pins.rows : [];
    if (data.view.weights.length) heatmap.show(...names, data.view);
    root.dataset.state = data.view.weights.length ? "shown" : "unseen";
    why.explain();
    select(reading.selected ?? data.selected);
}

// Shows the weight of the cell that is pointed at, below the heatmap and in a tip beside the cell.
function pointed(row, column) {
    reading.point(row, column);
    tip.hidden = row === undefined || !data;
    if (tip.hidden) {
        readout.textContent = why.isPinning ? words.pin_hint : words.hint;
        return;
    }
    const textAt = (spans, token) => spans.byToken[token].textContent.trim() || "␣";
    const pinned = isAttention() ? pins.rows.get(row)?.get(column) : undefined;
    const own = amount(data.view.weights[row * data.source.length + column], data.view, words);
    const weight = pinned === undefined ? own : filled(words.pinned, {weight: pinned.toFixed(2)});
    const from = textAt(reading.outputs, row);
    const to = textAt(reading.sources, column);
    const values = {row: from, column: to, i: row + 1, j: column + 1, weight};
    readout.textContent = filled(words[`cell_${data.view.unit}`], values);
    tip.replaceChildren(
        node("span", "", from), node("i", "", "→"), node("span", "", to), node("b", "", weight),
    );
    // Above the cell, or below it where there is no room; never beyond the heatmap's sides.
    const [x, y] = heatmap.middle([row, column]);
    const width = tip.offsetWidth;
    const left = Math.max(0, Math.min(heatmap.width - width, x - width / 2));
    const top = y > 90 ? y - 52 - heatmap.cell / 2 : y + 14 + heatmap.cell / 2;
    tip.style.transform = `translate(${left}px, ${top}px)`;
}

function offerParagraphs({paragraphs, candidate, paragraph}) {
    const option = (text, row, number) => {
        const values = {candidate: row + 1, paragraph: number + 1, text};
        const made = node("option", "", filled(words.place, values));
        made.value = `${row} ${number}`;
        made.disabled = !text;
        return made;
    };
    const optionsOf = (texts, row) => texts.map((text, number) => option(text, row, number));
    chooser.replaceChildren(...paragraphs.flatMap(optionsOf));
    chooser.value = `${candidate} ${paragraph}`;
}

// The texts of the session: one that was made from another stands below it.
function offerBranches(branches) {
    if (!branches) return;
    const list = find("branches");
    list.hidden = branches.length < 2;
    list.replaceChildren(...branches.map(({number, depth, text, current}) => {
        const button = node("button", "attention-button", depth ? `└ ${text}…` : `${text}…`);
        button.type = "button";
        button.style.marginInlineStart = `${depth}rem`;
        if (current) button.setAttribute("aria-current", "true");
        button.addEventListener("click", () => trigger("branch", {number}));
        return button;
    }));
}

function stateOf(value) {
    return value.output ? "shown" : "empty";
}

// Shows the payload.
function show() {
    const value = JSON.parse(JSON.stringify(props.value ?? {}));
    if (value.revision < revision) return; // an answer that comes too late
    const isKnown = value.revision === revision && data !== null;
    revision = value.revision ?? revision;
    offerBranches(value.branches);
    // 1. A paragraph that is being written.
    if (value.growing !== undefined) {
        root.dataset.state = "growing";
        heatmap.point(null);
        data = null;
        reading.grow(value.growing, value.kept);
        return;
    }
    // 2. Nothing to show.
    root.dataset.state = stateOf(value);
    if (root.dataset.state === "empty") {
        data = null;
        return;
    }
    // 3. The same text: what the model expected is new, or why, or what another source changes.
    if (isKnown) {
        if (value.places) {
            data.places = value.places;
            reading.setPlaces(value.places);
        }
        if (value.why) explained(value.why);
        if (value.compared) why.compare(value.compared);
        select(reading.selected);
        return;
    }
    // 4. Another text.
    data = {...value, views: {attention: decoded(value.weights)}, why: null};
    data.view = {name: "attention", weights: data.views.attention, ...VIEWS.attention};
    offerParagraphs(data);
    reading.selected = null;
    reading.show(data);
    why.show(data);
    showBeam();
    setView("attention");
    pointed();
    if (value.why) explained(value.why);
    if (!value.places) trigger("look", {});
}

function explained(value) {
    data.why = value;
    for (const [name, weights] of Object.entries(value.views)) data.views[name] = decoded(weights);
    reading.paintWhy();
    why.explain();
    // A model without attention has something to show now.
    if (!data.view.weights.length) setView("gradient");
}

function showBeam() {
    const box = find("beam");
    box.hidden = !data.beam.length;
    box.querySelector(".attention-beam").replaceChildren(
        ...(data.beam.length ? [beamTree(data.beam, data.output_pieces.map(([text]) => text), words)] : []),
    );
}

function save(blob, suffix) {
    const {seed, candidate, paragraph} = data;
    saveFile(blob, `attention-${seed}-${candidate + 1}-${paragraph + 1}.${suffix}`);
}

// The file that `generate --attention` writes for a paragraph, what the model expected, and why.
function report() {
    const {run, seed, candidate, paragraph, places, why: told, beam} = data;
    const across = data.source.length;
    const rowsOf = values => data.output.map((_, row) => (
        Array.from(values.subarray(row * across, (row + 1) * across))
    ));
    const {attention, ...others} = data.views;
    const found = {
        run, seed, candidate: candidate + 1, paragraph: paragraph + 1,
        source_tokens: data.source, tokens: data.output, attention: rowsOf(attention), places,
    };
    if (beam.length) found.beam = beam;
    if (!told) return found;
    const views = Object.entries(others).map(([name, values]) => [name, rowsOf(values)]);
    return {
        ...found, bits: Object.fromEntries(views), saved_bits: told.saved,
        copies: told.copies, sentences: told.sentences, rank_correlation: told.agreement,
    };
}

const reading = new Reading(root, words, {
    onSelect: select,
    onChoose: (place, alternative) => trigger("choose", {place, alternative}),
    onPoint: column => {
        if (!heatmap.matrix || !data) return;
        heatmap.point(column === null ? null : [reading.selected, column]);
    },
});
const pins = new Pins();
const isPinning = () => why.isPinning && isAttention();
const heatmap = new Heatmap(find("heatmap"), words, {
    onPoint: pointed,
    onSelect: (row, column) => {
        if (isPinning()) {
            pins.toggle(row, column);
            why.showPins();
        }
        select(row);
    },
    pins,
    isPinning,
    onPins: () => why.showPins(),
});
const why = new Why(root, words, pins, {
    onView: setView,
    onExplain: () => trigger("explain", {}),
    onCompare: source => trigger("compare", {source}),
    onWriteAgain: (place, rows) => trigger("pin", {place, rows}),
    onPins: () => {
        heatmap.place();
        if (!heatmap.cursor) pointed();
    },
});

for (const part of root.querySelectorAll("[data-word]")) {
    part.textContent = words[part.dataset.word];
}
for (const part of root.querySelectorAll("[data-title]")) {
    part.title = words[part.dataset.title];
    part.setAttribute("aria-label", part.title);
}
find("source-name").textContent = words.source_share;
root.querySelector(".attention-empty").textContent = words.empty;
root.querySelector(".attention-unseen").textContent = words.no_attention;
find("output").setAttribute("aria-label", words.output);
find("heatmap").setAttribute("aria-label", words.heatmap_keys);
find("zoom-in").addEventListener("click", () => heatmap.zoom(1.5));
find("zoom-out").addEventListener("click", () => heatmap.zoom(1 / 1.5));
find("fit").addEventListener("click", () => heatmap.fit());
find("log").addEventListener("click", event => {
    heatmap.isLog = reading.isLog = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", heatmap.isLog);
    heatmap.recolour();
    if (data) reading.light(reading.selected);
});
find("png").addEventListener("click", async () => {
    save(await pictureOf(heatmap.matrix, heatmap.isLog, words), "png");
});
find("svg").addEventListener("click", () => {
    save(vectorOf(heatmap.matrix, heatmap.isLog, words), "svg");
});
find("beam-svg").addEventListener("click", () => {
    save(vectorFile(find("beam").querySelector("svg")), "beam.svg");
});
find("beam-png").addEventListener("click", async () => {
    save(await pictureFile(find("beam").querySelector("svg")), "beam.png");
});
find("json").addEventListener("click", () => {
    save(new Blob([JSON.stringify(report())], {type: "application/json"}), "json");
});
find("stop").addEventListener("click", () => trigger("halt", {}));
chooser.addEventListener("change", () => {
    const [candidate, paragraph] = chooser.value.split(" ").map(Number);
    trigger("show", {candidate, paragraph});
});

// The view asks for the text that was written last when the tab is opened, or when a text is
// written while it is open.
const isSeen = () => element.offsetParent !== null;
new IntersectionObserver(entries => {
    if (!entries.at(-1).isIntersecting) return;
    const hasFailed = data && !data.places; // the answer to `look` never came
    trigger("show", hasFailed ? {again: true} : {});
}).observe(element);
document.addEventListener("novelgen-why-failed", () => why.fail());
document.addEventListener("novelgen-written", () => isSeen() && trigger("show", {}));
watch("value", show);
show();
