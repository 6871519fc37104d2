// Find and replace in the manuscript.

class Finding {
    // `onEdit` gets the manuscript's new text.
    constructor(root, words, sheet, onEdit) {
        this.words = words;
        this.sheet = sheet;
        this.onEdit = onEdit;
        this.form = root.querySelector(".desk-find");
        this.switch = part("find");
        this.found = [];
        this.current = 0;
        const on = (name, handler) => part(name).addEventListener("click", handler);
        this.switch.addEventListener("click", () => this.toggle(this.form.hidden));
        this.form.addEventListener("submit", event => {
            event.preventDefault();
            this.step(1);
        });
        part("find-text").addEventListener("input", () => this.look(true));
        on("find-previous", () => this.step(-1));
        on("find-close", () => this.toggle(false));
        on("replace", () => this.replace(false));
        on("replace-all", () => this.replace(true));
    }

    toggle(isOpen) {
        const hadFocus = this.form.contains(document.activeElement);
        this.form.hidden = !isOpen;
        this.switch.setAttribute("aria-expanded", isOpen);
        if (!isOpen) {
            this.sheet.show([]);
            if (hadFocus) this.leave();
            return;
        }
        const asked = part("find-text");
        asked.focus({preventScroll: true});
        asked.select();
        this.look(false);
    }

    // The writer goes on in the manuscript, with what was found selected.
    leave() {
        const target = field("manuscript"), at = this.found[this.current];
        target.focus({preventScroll: true});
        if (at !== undefined) target.setSelectionRange(at, at + this.wanted.length);
    }

    get wanted() {
        return part("find-text").value;
    }

    // Looks again; goes to the first match from the reader's place on if asked to.
    look(isToMove) {
        if (this.form.hidden) return;
        const text = textOf("manuscript"), wanted = this.wanted;
        this.found = [];
        for (let at = text.indexOf(wanted); wanted && at >= 0;) {
            this.found.push(at);
            at = text.indexOf(wanted, at + wanted.length);
        }
        this.current = Math.min(this.current, Math.max(0, this.found.length - 1));
        const hasAny = this.found.length > 0;
        for (const name of ["find-previous", "find-next", "replace", "replace-all"]) {
            part(name).disabled = !hasAny;
        }
        this.tell();
        if (isToMove) this.go();
        else this.draw();
    }

    step(by) {
        const count = this.found.length;
        if (!count) return;
        this.current = (this.current + by + count) % count;
        this.tell();
        this.go();
    }

    tell() {
        const values = {number: this.current + 1, count: this.found.length};
        const text = this.found.length ? filled(this.words.matches, values) : this.words.no_matches;
        part("find-count").textContent = this.wanted ? text : "";
    }

    draw() {
        const at = this.found[this.current];
        const boxes = at === undefined ? [] : this.sheet.rectangles(at, at + this.wanted.length);
        this.sheet.show(boxes);
        return boxes;
    }

    go() {
        const [box] = this.draw();
        if (box) this.sheet.scrollTo(box);
    }

    replace(isAll) {
        const text = textOf("manuscript"), wanted = this.wanted, by = part("replace-text").value;
        if (!this.found.length) return;
        if (isAll) {
            this.onEdit(text.split(wanted).join(by));
            return;
        }
        const at = this.found[this.current];
        this.onEdit(text.slice(0, at) + by + text.slice(at + wanted.length));
    }
}
