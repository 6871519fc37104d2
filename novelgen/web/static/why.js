// The views of why a token was written, and what another source or other attention would change.

// The views in the order of their buttons. What was left out stands at each of its positions.
const VIEWS = {
    attention: {unit: "share"},
    gradient: {unit: "bits"},
    characters: {unit: "bits", isSpread: true},
    words: {unit: "bits", isSpread: true},
    sentences: {unit: "bits", isSpread: true},
};

// How many bits more another source costs, or how many fewer.
function costOf(bits, words) {
    const name = bits < 0 ? "compared_gain" : "compared_cost";
    return filled(words[name], {bits: Math.abs(bits).toFixed(1)});
}

class Why {
    // `root` holds the elements of attention.html, `pins` the attention by hand; `actions` has
    // onView(name), onExplain(), onCompare(source), onWriteAgain(place, rows), and onPins() when
    // attention by hand has changed.
    constructor(root, words, pins, actions) {
        Object.assign(this, {words, pins, actions, isPinning: false});
        this.find = id => root.querySelector(`#attention-${id}`);
        for (const name of Object.keys(VIEWS)) {
            this.find(`view-${name}`).addEventListener("click", () => actions.onView(name));
        }
        this.find("explain").addEventListener("click", () => {
            this.wait(true);
            actions.onExplain();
        });
        this.find("compare").addEventListener("click", () => {
            this.find("compared").replaceChildren(node("p", "attention-waiting", words.comparing));
            actions.onCompare(this.find("other").value);
        });
        this.find("pin").addEventListener("click", () => this.setPinning(!this.isPinning));
        this.find("pin-write").addEventListener("click", () => this.writeAgain());
        this.find("pin-clear").addEventListener("click", () => this.clearPins());
    }

    // Another paragraph.
    show(data) {
        this.data = data;
        this.clearPins();
        this.setPinning(false);
        this.wait(false);
        this.find("other").value = data.source_pieces
            .map(([text]) => text === "¶" ? "\n" : text).join("").trim();
        this.find("compared").replaceChildren();
        this.explain();
    }

    wait(isWaiting) {
        this.find("explain").disabled = isWaiting;
        this.find("explain").textContent = isWaiting ? this.words.explaining : this.words.explain;
    }

    // Neither `onExplain` nor `onCompare` will be answered; the page says why.
    fail() {
        this.wait(false);
        this.find("compared").replaceChildren();
    }

    // What came of `onExplain`, or nothing yet.
    explain() {
        const {data, words} = this;
        const why = data.why;
        for (const name of Object.keys(VIEWS)) {
            const button = this.find(`view-${name}`);
            button.disabled = !data.views[name];
            button.setAttribute("aria-pressed", data.view.name === name);
        }
        this.find("explain").hidden = Boolean(why);
        this.find("views").dataset.explained = Boolean(why);
        const told = this.find("told");
        told.replaceChildren();
        if (!why) return;
        this.wait(false);
        const pairs = Object.entries(why.agreement).map(([names, value]) => (
            `${words[`agreement_${names.replace(/\W+/g, "_")}`]} ${value.toFixed(2)}`
        ));
        told.append(node("p", "", `${words.agreement} ${pairs.join(" · ")}`));
        const list = node("ol", "attention-sentences");
        for (const [text, bits] of why.sentences) {
            const value = node("b", "", amount(bits, {unit: "bits"}, words));
            list.append(node("li", "", value, node("span", "", text)));
        }
        told.append(node("h3", "", words.by_sentence), list);
        const count = why.copies?.length;
        const copied = count === undefined ? words.copies_unknown
            : filled(words.copies, {count});
        told.append(node("p", "", copied));
    }

    // What came of `onCompare`.
    compare({source, bits, text}) {
        const {words, data} = this;
        const {spans} = spansOf(data.output_pieces);
        // What a token loses, it was given by its own source: red is likelier with the other one.
        paintBits(spans, bits.map(change => -change), words);
        const total = bits.reduce((sum, value) => sum + value, 0);
        this.find("compared").replaceChildren(
            node("h3", "", words.compared_same), node("p", "attention-text", ...spans),
            node("p", "", costOf(total, words)),
            node("h3", "", words.compared_new), node("p", "attention-text", text),
        );
        this.find("other").value = source;
    }

    // 2. Attention by hand.
    setPinning(isPinning) {
        this.isPinning = isPinning;
        this.find("pin").setAttribute("aria-pressed", isPinning);
        this.showPins();
    }

    clearPins() {
        this.pins.rows.clear();
        this.showPins();
    }

    showPins() {
        const {words, data} = this;
        const list = this.find("pin-rows");
        this.find("pins").hidden = !this.isPinning && !this.pins.rows.size;
        this.find("pin-write").disabled = !this.pins.rows.size;
        const rows = [...this.pins.rows].sort(([a], [b]) => a - b).map(([row, cells]) => {
            const name = node("b", "", filled(words.pin_row, {row: row + 1, text: data.output[row]}));
            const made = node("div", "attention-pin-row", name);
            for (const [column, weight] of cells) {
                const slider = Object.assign(node("input", ""), {
                    type: "range", min: 0, max: 1, step: 0.05, value: weight,
                });
                slider.setAttribute("aria-label", data.source[column]);
                slider.addEventListener("input", () => {
                    cells.set(column, Number(slider.value));
                    this.actions.onPins();
                });
                made.append(node("label", "", data.source[column], slider));
            }
            return made;
        });
        list.replaceChildren(...rows);
        this.actions.onPins();
    }

    writeAgain() {
        const rows = this.pins.given(this.data.source.length);
        const places = Object.keys(rows).map(Number);
        if (places.length) this.actions.onWriteAgain(Math.min(...places), rows);
    }
}
