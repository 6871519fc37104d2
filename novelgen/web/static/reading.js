// The linked texts: the written one to click on, the source that lights up, and what the model
// expected at the selected token.

// Texts as spans, from [text, number of tokens that spell it]. byToken[t] is the span of token t.
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
    const room = box.getBoundingClientRect();
    const place = span.getBoundingClientRect();
    if (place.top >= room.top && place.bottom <= room.bottom) return;
    box.scrollTop += place.top - room.top - room.height / 2;
}

// Gives spans a ground by the bits of their tokens: red above 0, blue below, fully at the largest
// amount, or at 4 where that is less.
function paintBits(spans, bits, words) {
    const sums = spans.map(({first, count}) => (
        bits.slice(first, first + count).reduce((sum, value) => sum + value, 0)
    ));
    const largest = Math.max(4, ...sums.map(Math.abs));
    spans.forEach((span, place) => {
        const strength = Math.sqrt(Math.abs(sums[place]) / largest).toFixed(2);
        span.style.setProperty("--saved", sums[place] > 0 ? strength : 0);
        span.style.setProperty("--lost", sums[place] < 0 ? strength : 0);
        span.title = amount(sums[place], {unit: "bits"}, words);
    });
}

const shortened = text => {
    const letters = [...text.trim()];
    return letters.length > 8 ? `${letters.slice(0, 7).join("")}…` : letters.join("");
};

// Neighbours that were left out together, with one value, as one: [value, text], largest first.
function partsOf(spans) {
    const parts = [];
    for (const {share, textContent} of spans) {
        const last = parts.at(-1);
        if (share && last?.[0] === share) last[1] += textContent;
        else parts.push([share, textContent]);
    }
    return parts.sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
}

// In bits; a probability that was rounded to 0 stays finite.
const surpriseOf = probability => -Math.log2(Math.max(probability, 1e-9));

class Reading {
    // `onSelect(token)` is called when a token is clicked, `onChoose(token, number)` for one of its
    // alternatives, `onPoint(column)` with the source token under the mouse, or null.
    constructor(root, words, {onSelect, onChoose, onPoint}) {
        Object.assign(this, {words, onSelect, onChoose, isLog: false});
        this.source = root.querySelector("#attention-source");
        this.output = root.querySelector("#attention-output");
        this.place = root.querySelector("#attention-place");
        this.output.addEventListener("click", event => {
            const span = event.target.closest(".attention-piece");
            if (span && this.data) onSelect(span.first);
        });
        this.output.addEventListener("keydown", event => this.key(event));
        this.source.addEventListener("pointerover", event => {
            const span = event.target.closest(".attention-piece");
            if (span && this.data) span.title = amount(span.share, this.data.view, words);
            onPoint(span?.first ?? null);
        });
        this.source.addEventListener("pointerleave", () => onPoint(null));
    }

    // `data` is the payload, with weights as an array.
    show(data) {
        this.data = data;
        const source = spansOf(data.source_pieces);
        const output = spansOf(data.output_pieces, "option");
        output.spans.forEach((span, place) => { span.id = `attention-output-${place}`; });
        this.sources = source;
        this.outputs = output;
        this.source.replaceChildren(...source.spans);
        this.output.replaceChildren(...output.spans);
        this.underline();
    }

    // The text as it grows, while the model goes on from its first `kept` characters.
    grow(text, kept) {
        if (this.data) {
            for (const span of this.source.querySelectorAll(".attention-piece")) {
                span.style.removeProperty("--weight");
                span.style.removeProperty("--against");
            }
        }
        this.data = null;
        const letters = [...text];
        this.output.replaceChildren(
            node("span", "attention-kept", letters.slice(0, kept).join("")),
            node("span", "attention-new", letters.slice(kept).join("")),
        );
        this.place.replaceChildren();
    }

    // What the model expected comes later than the text.
    setPlaces(places) {
        this.data.places = places;
        this.underline();
    }

    // Underlines every character by how much it surprised the model: fully at 10 bits and more.
    underline() {
        const {places} = this.data;
        if (!places) return;
        for (const span of this.outputs.spans) {
            const own = places.slice(span.first, span.first + span.count);
            const surprise = own.reduce((sum, place) => sum + surpriseOf(place.probability), 0);
            span.style.setProperty("--surprise", Math.min(1, surprise / 10).toFixed(3));
        }
    }

    // Colours every character by how many bits the source saved there, and marks what stands in the
    // training text.
    paintWhy() {
        const {saved, copies} = this.data.why;
        paintBits(this.outputs.spans, saved, this.words);
        let end = 0; // of the text before a span, in characters
        for (const span of this.outputs.spans) {
            const start = end;
            end += [...span.textContent].length;
            const copy = copies?.find(([from, to]) => start >= from && start < to);
            span.classList.toggle("attention-copied", Boolean(copy));
            span.copy = copy;
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

    // Lights the source by the active view's values of a row, those below 0 in another colour;
    // returns [value, span] of the spans, largest first.
    light(token) {
        const across = this.data.source.length;
        const view = this.data.view;
        const row = view.weights.subarray(token * across, (token + 1) * across);
        const sum = values => values.reduce((a, b) => a + b, 0);
        // The bytes of a character were left out together: each has the whole of it.
        const valueOf = ({first, count}) => (
            view.isSpread ? row[first] : sum(row.subarray(first, first + count))
        );
        const shares = this.sources.spans.map(span => [valueOf(span) || 0, span]);
        const largest = Math.max(...shares.map(([share]) => Math.abs(share)), 1e-9);
        for (const [share, span] of shares) {
            const strength = strengthOf(Math.abs(share) / largest, this.isLog).toFixed(2);
            const signed = share < 0 ? -strength : strength;
            span.share = share;
            if (span.strength === signed) continue; // setting a style is slow
            span.strength = signed;
            span.style.setProperty("--weight", share < 0 ? 0 : strength);
            span.style.setProperty("--against", share < 0 ? strength : 0);
        }
        return row.length ? shares.sort((a, b) => Math.abs(b[0]) - Math.abs(a[0])) : [];
    }

    // Marks where the heatmap is pointed at.
    point(row, column) {
        for (const span of document.querySelectorAll(".attention-pointed")) {
            span.classList.remove("attention-pointed");
        }
        if (row === undefined || !this.data) return;
        this.outputs.byToken[row]?.classList.add("attention-pointed");
        this.sources.byToken[column]?.classList.add("attention-pointed");
    }

    key(event) {
        const steps = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1};
        if (!this.data || !(event.key in steps)) return;
        event.preventDefault();
        const last = this.data.output.length - 1;
        this.onSelect(Math.max(0, Math.min(last, this.selected + steps[event.key])));
    }

    // Writes what is known of the selected token.
    describe() {
        const {words, data, selected} = this;
        const span = this.outputs.byToken[selected];
        const place = data.places?.[selected];
        // 1. The token, and where it stands.
        const [text] = data.output_pieces[this.outputs.spans.indexOf(span)];
        const told = [filled(words.token, {i: selected + 1, count: data.output.length})];
        if (text === "¶") told.push(words.end);
        if (span.count > 1) {
            const part = selected - span.first + 1;
            told.push(filled(words.byte, {part, count: span.count}));
        }
        const details = node("span", "", told.join(" · "));
        const head = node("div", "attention-token", node("b", "", text), details);
        // 2. The figures.
        const facts = node("dl", "attention-facts");
        const fact = (name, value) => {
            facts.append(node("div", "", node("dt", "", name), node("dd", "", value)));
        };
        if (place) {
            const surprise = Math.max(0, surpriseOf(place.probability)).toFixed(2);
            fact(words.probability, percent(place.probability));
            if (place.after !== null) fact(words.after, percent(place.after));
            fact(words.surprise, filled(words.bits, {bits: surprise}));
            fact(words.entropy, filled(words.bits, {bits: place.entropy.toFixed(2)}));
        }
        const parts = data.view.isSpread ? partsOf(this.sources.spans)
            : this.shares.map(([share, other]) => [share, other.textContent]);
        const most = parts.slice(0, 4).map(([share, text]) => (
            `${shortened(text)} ${amount(share, data.view, words)}`
        ));
        if (data.why) {
            const bits = data.why.saved[selected];
            fact(words.saved, amount(bits, {unit: "bits"}, words));
        }
        if (this.shares.length) fact(words[`most_${data.view.name}`], most.join("  "));
        if (span.copy) {
            const [, , novel, chapter, paragraph] = span.copy;
            fact(words.copied, filled(words.copied_from, {novel, chapter, paragraph}));
        }
        // 3. The alternatives, once the model has told them.
        const rest = place ? this.alternatives(place, text)
            : node("p", "attention-waiting", words.waiting);
        this.place.replaceChildren(head, facts, rest);
    }

    alternatives(place, text) {
        const {words} = this;
        const list = node("div", "attention-alternatives", node("h3", "", words.alternatives));
        const row = (name, probability, className, tag) => {
            const share = node("span", "", percent(probability));
            const parts = [node("b", "", name), node("i", ""), share];
            const made = node(tag, `attention-alternative ${className}`, ...parts);
            made.style.setProperty("--share", probability);
            list.append(made);
            return made;
        };
        row(text, place.probability, "attention-written", "div");
        place.alternatives.forEach(({token, probability, kind, after, rule}, number) => {
            const button = row(nameOf(token), probability, "", "button");
            // What the rules of writing made of it: it was taken away, or is this likely.
            if (rule) button.append(node("small", "attention-rule", filled(words.ruled_out, {rule})));
            else if (after !== null) button.append(
                node("small", "", `${words.after} ${percent(after)}`),
            );
            const action = filled(words[`alternative_${kind}`], {token});
            const label = filled(words.alternative, {action, probability: percent(probability)});
            button.type = "button";
            button.id = `attention-alternative-${number + 1}`;
            button.disabled = kind === "byte" || kind === "empty";
            button.title = action;
            button.setAttribute("aria-label", label);
            button.addEventListener("click", () => this.onChoose(this.selected, number));
        });
        return list;
    }
}
