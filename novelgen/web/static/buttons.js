// What the buttons below the sheet can do now, and what Continue does with the draft.

const CRC = Uint32Array.from({length: 256}, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
});

// Whether a draft was written for this manuscript, as draft_source.py tells it.
function isOf(source, manuscript) {
    const bytes = new TextEncoder().encode(manuscript);
    if (bytes.length !== source.size) return false;
    let value = 0xffffffff;
    for (const byte of bytes) value = CRC[(value ^ byte) & 0xff] ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0 === source.crc;
}

class Buttons {
    constructor(words) {
        this.words = words;
        this.isBusy = false;
    }

    // Sets all of it; cheap enough for every key.
    refresh() {
        const manuscript = textOf("manuscript"), drafts = draftTexts();
        const count = drafts.filter(text => text.trim()).length;
        const journal = jsonOf("journal");
        const isText = manuscript.trim() !== "";
        const state = ["none", "one"][count] ?? "several";
        document.querySelector("#write").dataset.drafts = state;
        document.querySelector("#write").dataset.busy = this.isBusy;
        part("status")?.setAttribute("aria-busy", this.isBusy);
        this.#name(this.#continuing(manuscript, count));
        // A click on these two does no harm when there is nothing to do.
        this.#dim("stop", !this.isBusy);
        this.#dim("continue", this.isBusy);
        this.#enable("accept", count === 1);
        this.#enable("discard", count > 0);
        this.#enable("rewrite", isText);
        this.#enable("undo", this.#canUndo(journal, manuscript, drafts));
        this.#enable("redo", journal !== null && journal.future.length > 0);
        this.#enable("pin", count > 0 && (jsonOf("source")?.seeds ?? []).length > 0);
        this.#enable("clear", isText || count > 0);
    }

    // The name of what Continue does.
    #continuing(manuscript, count) {
        if (count === 0) return this.words.continue;
        if (count > 1) return this.words.continue_without;
        const source = jsonOf("source");
        const isTaken = !jsonOf("window")?.from_pairs && (!source || isOf(source, manuscript));
        return isTaken ? this.words.continue_accepting : this.words.continue_without;
    }

    #canUndo(journal, manuscript, drafts) {
        if (!journal) return false;
        const [, text, texts] = journal.present;
        const isTyped = text !== manuscript || drafts.some((draft, place) => draft !== (texts[place] ?? ""));
        return journal.past.length > 0 || isTyped;
    }

    #name(text) {
        const button = part("continue");
        const words = [...button?.childNodes ?? []].find(each => each.nodeType === Node.TEXT_NODE && each.data.trim());
        if (words && words.data !== text) words.data = text;
    }

    #dim(name, isDim) {
        part(name)?.setAttribute("aria-disabled", isDim);
    }

    #enable(name, isEnabled) {
        const button = part(name);
        if (button) button.disabled = !isEnabled;
    }
}

// What the browser has received of a text is still being drawn when that was cancelled: on a slow
// machine for seconds, over what a button has put into the drafts meanwhile. This takes it out again.
class LateText {
    constructor() {
        this.cancelled = null; // the drafts at the click, of which more may come
        this.expected = null;
    }

    // A button that moves text was clicked.
    cancel() {
        if (!this.cancelled || draftTexts().some(text => text)) this.cancelled = draftTexts();
        this.expected = null;
    }

    // The text is moved: the journal tells what stands in the drafts.
    settle() {
        this.expected = jsonOf("journal")?.present[2] ?? null;
    }

    // The writer types there, or the model begins another text.
    forget() {
        this.cancelled = this.expected = null;
    }

    remove() {
        if (!this.cancelled || !this.expected) return;
        for (const [place, text] of draftTexts().entries()) {
            const begun = this.cancelled[place], wanted = this.expected[place] ?? "";
            if (begun && text !== wanted && text.startsWith(begun)) setText(`draft-${place + 1}`, wanted);
        }
    }
}
