// The sheet: what the model reads of it is marked, and what is being written is kept in sight.

const LONG = 4000; // characters of a manuscript that is higher than its box at the least

// Where the paragraphs begin and end that the model reads: [start, end, how many].
function readPart(text, window) {
    const {paragraphs, characters, is_backwards: isBackwards} = window;
    const limit = isBackwards ? Math.min(text.length, characters) : Math.max(0, text.length - characters);
    const part = isBackwards ? text.slice(0, limit) : text.slice(limit);
    const lines = [];
    for (const match of part.matchAll(/[^\n]*\S[^\n]*/g)) lines.push(match);
    const read = isBackwards ? lines.slice(0, paragraphs) : lines.slice(-paragraphs);
    if (!read.length) return [0, 0, 0];
    const offset = isBackwards ? 0 : limit;
    const last = read.at(-1);
    return [offset + read[0].index, offset + last.index + last[0].length, read.length];
}

class Sheet {
    constructor(words) {
        this.words = words;
        this.isFollowing = false;
        this.layer = node("div", "sheet-layer");
        this.mirror = node("div", "sheet-mirror");
        this.band = node("div", "sheet-band");
        this.marks = node("div", "");
        this.layer.append(this.mirror, this.band, this.marks);
        this.layer.setAttribute("aria-hidden", "true");
    }

    // The layer lies below the manuscript's letters; the page may have drawn its field anew.
    attach() {
        const holder = field("manuscript")?.parentElement;
        if (!holder || this.layer.parentElement === holder) return;
        holder.classList.add("sheet-holder");
        holder.prepend(this.layer);
        new ResizeObserver(() => this.mark()).observe(holder);
    }

    // The height of some text, as the manuscript is set.
    #height(text) {
        if (!text) return 0;
        this.mirror.textContent = text.endsWith("\n") ? `${text}\u200b` : text;
        return this.mirror.scrollHeight;
    }

    // The rectangles of a range of the manuscript, within its box.
    rectangles(start, end) {
        const text = textOf("manuscript");
        const found = node("span", "", text.slice(start, end));
        this.mirror.replaceChildren(text.slice(0, start), found, text.slice(end, end + 200));
        const origin = this.layer.getBoundingClientRect();
        return [...found.getClientRects()].map(box => (
            {x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height}));
    }

    // Marks what the model reads.
    mark() {
        this.attach();
        const window = jsonOf("window");
        const text = textOf("manuscript");
        const [start, end, count] = window ? readPart(text, window) : [0, 0, 0];
        const hint = part("reads");
        this.band.hidden = count === 0;
        hint.textContent = count === 0 ? "" : this.#hint(text, window, count);
        if (count === 0) return;
        const style = getComputedStyle(field("manuscript"));
        const [above, below] = [parseFloat(style.paddingTop), parseFloat(style.paddingBottom)];
        const height = this.#height(text.slice(start, end));
        let top = 0;
        if (text.length - start < LONG && text.length > LONG) {
            const after = this.#height(text.slice(start).replace(/^\n/, ""));
            top = field("manuscript").scrollHeight - above - below - after;
        } else if (start > 0) {
            // The line end before it begins no line.
            top = this.#height(text.slice(0, start - 1));
        }
        this.band.style.top = `${above + top}px`;
        this.band.style.height = `${height}px`;
        this.mirror.textContent = "";
    }

    #hint(text, window, count) {
        const lines = text.slice(-window.characters).match(/[^\n]*\S[^\n]*/g)?.length ?? 0;
        if (count === lines && text.length <= window.characters) return this.words.reads_all;
        const name = window.is_backwards ? "reads_first" : "reads";
        return filled(count === 1 ? this.words[`${name}_one`] : this.words[name], {count});
    }

    // Shows what was found, and nothing else; none for an empty list.
    show(boxes) {
        this.marks.replaceChildren(...boxes.map(box => {
            const mark = node("div", "sheet-found");
            mark.style.cssText = `left:${box.x}px;top:${box.y}px;width:${box.width}px;height:${box.height}px`;
            return mark;
        }));
    }

    // Scrolls the page so that a box of the manuscript stands in its middle.
    scrollTo(box) {
        const top = this.layer.getBoundingClientRect().top + box.y;
        scrollBy({top: top - innerHeight / 3, behavior: "instant"});
    }

    // Scrolls so far that the end of the sheet is in sight, and no further.
    showEnd() {
        const end = part("drafts").getBoundingClientRect();
        const bottom = part("bar").getBoundingClientRect().top;
        // A text higher than the window is shown from its beginning.
        const down = Math.min(end.bottom - bottom, end.top);
        if (end.bottom > bottom && down > 0) scrollBy({top: down + 8, behavior: "instant"});
    }

    // The end stays in sight while text comes, until the reader scrolls.
    follow() {
        this.isFollowing = true;
        this.grow();
    }

    grow() {
        if (!this.isFollowing) return;
        const end = part("drafts").getBoundingClientRect();
        const bottom = part("bar").getBoundingClientRect().top;
        if (end.bottom > bottom) scrollBy({top: end.bottom - bottom + 8, behavior: "instant"});
    }

    letGo() {
        this.isFollowing = false;
    }
}
