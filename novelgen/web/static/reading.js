// The linked view: the written text to click on, the source that lights up, and what the model expected at a place.

function node(name, className, text = "", ...children) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    made.append(...children);
    return made;
}

// Puts {name}s into a text.
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

// Texts as spans; byToken[t] is the span that token t belongs to.
function spansOf(pieces, role) {
    const byToken = [];
    const spans = pieces.map(([text, count]) => {
        const span = node("span", "attention-piece", text === "¶" ? "¶\n" : text);
        if (role) span.setAttribute("role", role);
        Object.assign(span, {first: byToken.length, count});
        byToken.push(...Array(count).fill(span));
        return span;
    });
    return {spans, byToken};
}

// Scrolls a box, and not the page, until a span in it is seen.
function scrollWithin(box, span) {
    if (box.scrollHeight <= box.clientHeight) return;
    const room = box.getBoundingClientRect(), place = span.getBoundingClientRect();
    if (place.top < room.top || place.bottom > room.bottom) box.scrollTop += place.top - room.top - room.height / 2;
}

class Reading {
    constructor(root, words, {onSelect, onChoose, onPoint}) {
        Object.assign(this, {words, onSelect, onChoose, isLog: false});
        [this.source, this.output, this.place] = ["source", "output", "place"].map(name => root.querySelector(`#attention-${name}`));
        this.output.addEventListener("click", event => {
            const span = event.target.closest(".attention-piece");
            if (span && this.data) onSelect(span.first);
        });
        this.output.addEventListener("keydown", event => this.key(event));
        this.source.addEventListener("pointerover", event => {
            const span = event.target.closest(".attention-piece");
            if (span && this.data) span.title = percent(span.share);
            onPoint(span?.first ?? null);
        });
        this.source.addEventListener("pointerleave", () => onPoint(null));
    }

    // `data` is the payload, with weights as an array.
    show(data) {
        this.data = data;
        const source = spansOf(data.source_pieces), output = spansOf(data.output_pieces, "option");
        output.spans.forEach((span, place) => { span.id = `attention-output-${place}`; });
        this.sources = source;
        this.outputs = output;
        this.source.replaceChildren(...source.spans);
        this.output.replaceChildren(...output.spans);
        this.underline();
    }

    // The text as it grows, while the model writes on from a place of the text before.
    grow(text, kept) {
        if (this.data) this.source.querySelectorAll(".attention-piece").forEach(span => span.style.removeProperty("--weight"));
        this.data = null;
        const letters = [...text], old = letters.slice(0, kept).join("");
        this.output.replaceChildren(node("span", "attention-kept", old), node("span", "attention-new", letters.slice(kept).join("")));
        this.place.replaceChildren();
    }

    // Places may come later than the text.
    understand(places) {
        this.data.places = places;
        this.underline();
    }

    underline() {
        const {places} = this.data;
        for (const span of this.outputs.spans) {
            if (!places) continue;
            const surprise = places.slice(span.first, span.first + span.count).reduce((sum, place) => sum - Math.log2(Math.max(place.probability, 1e-9)), 0);
            span.style.setProperty("--surprise", Math.min(1, surprise / 10).toFixed(3));
        }
    }

    select(token) {
        this.selected = token;
        this.output.querySelector(".attention-selected")?.classList.remove("attention-selected");
        const span = this.outputs.byToken[token];
        span.classList.add("attention-selected");
        this.output.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
        span.setAttribute("aria-selected", "true");
        this.output.setAttribute("aria-activedescendant", span.id);
        this.shares = this.light(token);
        scrollWithin(this.output, span);
        if (this.shares.length) scrollWithin(this.source, this.shares[0][1]);
        this.describe();
    }

    // Lights the source by the weights of a row; returns [share, span] of the spans, largest first.
    light(token) {
        const across = this.data.source.length, row = this.data.weights.subarray(token * across, (token + 1) * across);
        const shares = this.sources.spans.map(span => [row.subarray(span.first, span.first + span.count).reduce((a, b) => a + b, 0), span]);
        const largest = Math.max(...shares.map(([share]) => share), 1e-9);
        for (const [share, span] of shares) {
            const strength = strengthOf(share / largest, this.isLog).toFixed(2);
            span.share = share;
            if (span.strength === strength) continue; // styles are slow
            span.strength = strength;
            span.style.setProperty("--weight", strength);
        }
        return row.length ? shares.sort((a, b) => b[0] - a[0]) : [];
    }

    // Marks where the heatmap is pointed at.
    point(row, column) {
        for (const span of document.querySelectorAll(".attention-pointed")) span.classList.remove("attention-pointed");
        if (row === undefined || !this.data) return;
        this.outputs.byToken[row]?.classList.add("attention-pointed");
        this.sources.byToken[column]?.classList.add("attention-pointed");
    }

    key(event) {
        const steps = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1};
        if (!this.data || !(event.key in steps)) return;
        event.preventDefault();
        this.onSelect(Math.max(0, Math.min(this.data.output.length - 1, this.selected + steps[event.key])));
    }

    describe() {
        const {words, data, selected} = this, span = this.outputs.byToken[selected], place = data.places?.[selected];
        const [text] = data.output_pieces[this.outputs.spans.indexOf(span)];
        const parts = [filled(words.token, {i: selected + 1, count: data.output.length})];
        if (text === "¶") parts.push(words.end);
        if (span.count > 1) parts.push(filled(words.byte, {part: selected - span.first + 1, count: span.count}));
        const head = node("div", "attention-token", "", node("b", "", text), node("span", "", parts.join(" · ")));
        const facts = node("dl", "attention-facts");
        const fact = (name, value) => facts.append(node("div", "", "", node("dt", "", name), node("dd", "", value)));
        if (place) {
            fact(words.probability, percent(place.probability));
            fact(words.surprise, filled(words.bits, {bits: Math.max(0, -Math.log2(Math.max(place.probability, 1e-9))).toFixed(2)}));
            fact(words.entropy, filled(words.bits, {bits: place.entropy.toFixed(2)}));
        }
        const most = this.shares.slice(0, 4).map(([share, other]) => `${other.textContent.trim()} ${percent(share)}`);
        if (most.length) fact(words.looked, most.join("  "));
        this.place.replaceChildren(head, facts, place ? this.alternatives(place, text) : node("p", "attention-waiting", words.waiting));
    }

    alternatives(place, text) {
        const list = node("div", "attention-alternatives", "", node("h3", "", this.words.alternatives));
        const row = (name, probability, className, tag) => {
            const made = node(tag, `attention-alternative ${className}`, "", node("b", "", name), node("i", ""), node("span", "", percent(probability)));
            made.style.setProperty("--share", probability);
            list.append(made);
            return made;
        };
        row(text, place.probability, "attention-written", "div");
        place.alternatives.forEach(({token, probability, kind}, number) => {
            const button = row(nameOf(token), probability, "", "button");
            Object.assign(button, {type: "button", id: `attention-alternative-${number + 1}`, disabled: kind === "byte" || kind === "empty",
                title: filled(this.words[`alternative_${kind}`], {token})});
            button.setAttribute("aria-label", `${button.title}，${percent(probability)}`);
            button.addEventListener("click", () => this.onChoose(this.selected, number));
        });
        return list;
    }
}
