// The Attention tab: what comes from the server is shown in the heatmap and in the linked texts, and clicks go back.
// All texts are set as text, never as HTML.

const root = element.querySelector(".attention");
const words = Object.fromEntries(Object.entries(props.words).map(([name, texts]) => [name, texts[navigator.language.startsWith("zh") ? 0 : 1]]));
const find = id => root.querySelector(`#attention-${id}`);
const tip = root.querySelector(".attention-tip"), readout = find("cell"), chooser = find("paragraph");
let data = null; // the payload, with weights as a Float32Array
let turn = 0; // of what is shown

function decoded(text) {
    return new Float32Array(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer);
}

// One name a token: a character that is spelled in bytes stands at its first byte.
function namesOf(pieces) {
    return pieces.flatMap(([text, count]) => [nameOf(text), ...Array(count - 1).fill("·")]);
}

function select(token) {
    reading.select(token);
    heatmap.select(token);
}

function pointed(row, column) {
    reading.point(row, column);
    tip.hidden = row === undefined || !data;
    if (tip.hidden) {
        readout.textContent = words.hint;
        return;
    }
    const textAt = (spans, token) => spans.byToken[token].textContent.trim() || "␣";
    const weight = percent(data.weights[row * data.source.length + column]);
    readout.textContent = filled(words.cell, {row: textAt(reading.outputs, row), column: textAt(reading.sources, column), i: row + 1,
        j: column + 1, weight});
    tip.replaceChildren(node("span", "", textAt(reading.outputs, row)), node("i", "", "→"), node("span", "", textAt(reading.sources, column)),
        node("b", "", weight));
    const [x, y] = heatmap.middle([row, column]), width = tip.offsetWidth;
    tip.style.transform = `translate(${Math.max(0, Math.min(heatmap.width - width, x - width / 2))}px, ${y > 90 ? y - 52 - heatmap.cell / 2 : y + 14 + heatmap.cell / 2}px)`;
}

function offerParagraphs({paragraphs, candidate, paragraph}) {
    chooser.replaceChildren(...paragraphs.flatMap((texts, row) => texts.map((text, number) => {
        const name = filled(words.place, {candidate: row + 1, paragraph: number + 1});
        const option = node("option", "", `${name}：${text}`);
        Object.assign(option, {value: `${row} ${number}`, disabled: !text});
        return option;
    })));
    chooser.value = `${candidate} ${paragraph}`;
}

function show() {
    const value = JSON.parse(JSON.stringify(props.value ?? {}));
    if (value.turn < turn) return; // an answer that has been overtaken
    const isKnown = value.turn === turn && data !== null;
    turn = value.turn ?? turn;
    if (value.growing !== undefined) {
        root.dataset.state = "growing";
        heatmap.point(null);
        data = null;
        reading.grow(value.growing, value.kept);
        return;
    }
    root.dataset.state = !value.weights && !value.output ? "empty" : value.shape[1] ? "shown" : "unseen";
    if (root.dataset.state === "empty") {
        data = null;
        return;
    }
    if (isKnown) { // the same text: only what the model expected is new
        data.places = value.places;
        reading.understand(value.places);
        reading.select(reading.selected);
        return;
    }
    data = {...value, weights: decoded(value.weights)};
    offerParagraphs(data);
    reading.show(data);
    if (root.dataset.state === "shown") heatmap.show(namesOf(data.output_pieces), namesOf(data.source_pieces), data.weights);
    pointed();
    select(value.selected);
    if (!value.places) trigger("look", {});
}

function save(blob, suffix) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `attention-${data.seed}-${data.candidate + 1}-${data.paragraph + 1}.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What `generate --attention` writes for a paragraph, and what the model expected.
function report() {
    const across = data.source.length;
    const attention = data.output.map((_, row) => Array.from(data.weights.subarray(row * across, (row + 1) * across)));
    const {run, seed, candidate, paragraph} = data;
    return {run, seed, candidate: candidate + 1, paragraph: paragraph + 1, source_tokens: data.source, tokens: data.output, attention,
        places: data.places};
}

const reading = new Reading(root, words, {
    onSelect: select,
    onChoose: (place, alternative) => trigger("choose", {place, alternative}),
    onPoint: column => heatmap.matrix && data && heatmap.point(column === null ? null : [reading.selected, column]),
});
const heatmap = new Heatmap(find("heatmap"), words, pointed, select);

for (const part of root.querySelectorAll("[data-word]")) part.textContent = words[part.dataset.word];
for (const part of root.querySelectorAll("[data-title]")) {
    part.title = words[part.dataset.title];
    part.setAttribute("aria-label", part.title);
}
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
find("png").addEventListener("click", async () => save(await pictureOf(heatmap.matrix, heatmap.isLog, words), "png"));
find("json").addEventListener("click", () => save(new Blob([JSON.stringify(report())], {type: "application/json"}), "json"));
find("stop").addEventListener("click", () => trigger("halt", {}));
chooser.addEventListener("change", () => {
    const [candidate, paragraph] = chooser.value.split(" ").map(Number);
    trigger("show", {candidate, paragraph});
});

// What was written last is asked for when the tab is opened, or when something is written while it is open.
const isSeen = () => element.offsetParent !== null;
new IntersectionObserver(entries => {
    if (!entries.at(-1).isIntersecting) return;
    trigger("show", data && !data.places ? {again: true} : {}); // again: the answer has failed
}).observe(element);
document.addEventListener("novelgen-written", () => isSeen() && trigger("show", {}));
watch("value", show);
show();
