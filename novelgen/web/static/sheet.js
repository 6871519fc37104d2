// The sheet: what the model reads of it is marked, and what is being written is kept in sight.

const PAUSE = 250; // milliseconds from a change to asking what is read
const LONG = 4000; // characters of a manuscript that is higher than its box at the least

// Where the line begins that has the character `count` from the end, and where the one ends that has
// the character `count` from the beginning.
const lineStart = (text, count) => text.lastIndexOf("\n", Math.max(0, text.length - count)) + 1;
function lineEnd(text, count) {
    const end = text.indexOf("\n", count);
    return end < 0 ? text.length : end;
}

class Sheet {
    // `onAsk` sends a text, of which the model reads a part, to be answered with `read`.
    constructor(words, onAsk) {
        this.words = words;
        this.onAsk = onAsk;
        this.asked = {};
        this.read = null; // {start, end, count, isAll}, in the whole manuscript
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

    // Asks what the model reads of the manuscript, when nothing has changed for a moment.
    ask() {
        this.attach();
        const text = textOf("manuscript"), window = textOf("window");
        if (this.asked.text === text && this.asked.window === window) return;
        this.asked = {text, window};
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            const {reach, is_backwards: isBackwards} = jsonOf("window") ?? {};
            if (reach === undefined) return;
            // Whole lines, as many as it takes.
            const [offset, end] = isBackwards ? [0, lineEnd(text, reach)] : [lineStart(text, reach), text.length];
            this.asked.offset = offset;
            const isCut = text.slice(0, offset).trim() !== "" || text.slice(end).trim() !== "";
            this.onAsk({text: text.slice(offset, end), is_cut: isCut});
        }, PAUSE);
    }

    // The server's answer, for the text that was sent.
    answer({start, end, segments, is_all: isAll}) {
        const {offset = 0, text} = this.asked;
        this.read = {start: start + offset, end: end + offset, count: segments, isAll};
        if (text !== textOf("manuscript")) this.read = null;
        this.mark();
    }

    // Marks what the model reads.
    mark() {
        const text = textOf("manuscript");
        const {start, end, count} = this.read ?? {count: 0};
        this.band.hidden = count === 0 || end > text.length;
        part("reads").textContent = count === 0 ? "" : this.#hint();
        if (this.band.hidden) return;
        const style = getComputedStyle(field("manuscript"));
        const [above, below] = [parseFloat(style.paddingTop), parseFloat(style.paddingBottom)];
        // From the line in which it begins to that in which it ends.
        const origin = text.lastIndexOf("\n", start - 1) + 1;
        const [first] = this.#lines(text, origin, start, start + 1);
        const [, last] = this.#lines(text, origin, end - 1, end);
        let top = 0;
        if (text.length - origin < LONG && text.length > LONG) {
            const after = this.#height(text.slice(origin));
            top = field("manuscript").scrollHeight - above - below - after;
        } else if (origin > 0) {
            // The line end before it begins no line.
            top = this.#height(text.slice(0, origin - 1));
        }
        this.band.style.top = `${above + top + first}px`;
        this.band.style.height = `${last - first}px`;
        this.mirror.textContent = "";
    }

    // [top, bottom] of the line of a range, below the line in which `origin` stands.
    #lines(text, origin, start, end) {
        const found = node("span", "", text.slice(start, end));
        this.mirror.replaceChildren(text.slice(origin, start), found, text.slice(end, end + 80));
        const height = parseFloat(getComputedStyle(this.mirror).lineHeight);
        const top = Math.round(found.offsetTop / height) * height;
        return [top, top + height];
    }

    #hint() {
        const {count, isAll} = this.read;
        if (isAll) return this.words.reads_all;
        const name = jsonOf("window")?.is_backwards ? "reads_first" : "reads";
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

    // Scrolls the page so that a box of the manuscript stands in its middle, unless it is in sight.
    scrollTo(box) {
        const top = this.layer.getBoundingClientRect().top + box.y;
        const above = Math.max(0, part("desk").getBoundingClientRect().bottom);
        this.letGo();
        if (top >= above && top + box.height <= part("bar").getBoundingClientRect().top) return;
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

    // The end stays in sight while text comes, until the reader scrolls or goes to another place.
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
