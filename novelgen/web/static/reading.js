// The linked texts: the written one to click on, the source that lights up, and what the model
// expected at the selected token.

function node(name, className, text = "", ...children) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    made.append(...children);
    return made;
}

// Puts {name}s into a text.
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

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
            if (span && this.data) span.title = percent(span.share);
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
            const spans = this.source.querySelectorAll(".attention-piece");
            spans.forEach(span => span.style.removeProperty("--weight"));
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

    // Lights the source by the weights of a row; returns [weight, span] of the spans, largest
    // first.
    light(token) {
        const across = this.data.source.length;
        const row = this.data.weights.subarray(token * across, (token + 1) * across);
        const sum = values => values.reduce((a, b) => a + b, 0);
        const shares = this.sources.spans.map(span => [
            sum(row.subarray(span.first, span.first + span.count)), span,
        ]);
        const largest = Math.max(...shares.map(([share]) => share), 1e-9);
        for (const [share, span] of shares) {
            const strength = strengthOf(share / largest, this.isLog).toFixed(2);
            span.share = share;
            if (span.strength === strength) continue; // setting a style is slow
            span.strength = strength;
            span.style.setProperty("--weight", strength);
        }
        return row.length ? shares.sort((a, b) => b[0] - a[0]) : [];
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
        const parts = [filled(words.token, {i: selected + 1, count: data.output.length})];
        if (text === "¶") parts.push(words.end);
        if (span.count > 1) {
            const part = selected - span.first + 1;
            parts.push(filled(words.byte, {part, count: span.count}));
        }
        const details = node("span", "", parts.join(" · "));
        const head = node("div", "attention-token", "", node("b", "", text), details);
        // 2. The figures.
        const facts = node("dl", "attention-facts");
        const fact = (name, value) => {
            facts.append(node("div", "", "", node("dt", "", name), node("dd", "", value)));
        };
        if (place) {
            const surprise = Math.max(0, surpriseOf(place.probability)).toFixed(2);
            fact(words.probability, percent(place.probability));
            fact(words.surprise, filled(words.bits, {bits: surprise}));
            fact(words.entropy, filled(words.bits, {bits: place.entropy.toFixed(2)}));
        }
        const most = this.shares.slice(0, 4)
            .map(([share, other]) => `${other.textContent.trim()} ${percent(share)}`);
        if (most.length) fact(words.looked, most.join("  "));
        // 3. The alternatives, once the model has told them.
        const rest = place ? this.alternatives(place, text)
            : node("p", "attention-waiting", words.waiting);
        this.place.replaceChildren(head, facts, rest);
    }

    alternatives(place, text) {
        const {words} = this;
        const list = node("div", "attention-alternatives", "", node("h3", "", words.alternatives));
        const row = (name, probability, className, tag) => {
            const share = node("span", "", percent(probability));
            const parts = [node("b", "", name), node("i", ""), share];
            const made = node(tag, `attention-alternative ${className}`, "", ...parts);
            made.style.setProperty("--share", probability);
            list.append(made);
            return made;
        };
        row(text, place.probability, "attention-written", "div");
        place.alternatives.forEach(({token, probability, kind}, number) => {
            const button = row(nameOf(token), probability, "", "button");
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
