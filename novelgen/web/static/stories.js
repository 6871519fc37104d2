// The list of the stories that the browser keeps, and the question before a new one is begun.

class Stories {
    // `onOpen` gets the texts of a story that is to stand on the page.
    constructor(words, onOpen) {
        this.words = words;
        this.onOpen = onOpen;
        this.menu = part("stories");
        this.dialog = part("new");
        this.menu.addEventListener("toggle", () => this.menu.open && this.fill());
        this.dialog.addEventListener("close", () => {
            if (this.dialog.returnValue) this.#begin();
        });
    }

    fill() {
        const stories = window.novelgenStories?.list() ?? [];
        const list = this.menu.querySelector("ul");
        list.replaceChildren(...stories.map(story => this.#row(story)));
        if (!stories.length) list.append(node("li", "", this.words.no_stories));
    }

    // What a story is called: its title, or its first words.
    nameOf({title, manuscript}) {
        const first = manuscript.trim().split("\n")[0].slice(0, 16);
        return title.trim() || first || this.words.untitled;
    }

    #row(story) {
        const time = new Date(story.time).toLocaleString(navigator.language, {
            month: "numeric", day: "numeric", hour: "numeric", minute: "2-digit",
        });
        const figures = filled(this.words.story, {count: countOf(story.manuscript).toLocaleString(), time});
        const name = node("span", "story-name", this.nameOf(story));
        const row = node("li", "story", name, node("span", "story-figures", figures));
        if (story.isMine) {
            row.append(node("span", "story-mine", this.words.open_here));
            return row;
        }
        const open = node("button", "story-open", this.words.open);
        open.addEventListener("click", async () => {
            this.menu.open = false;
            this.onOpen(await window.novelgenStories.open(story.name));
        });
        const remove = node("button", "story-delete", this.words.delete);
        remove.addEventListener("click", () => {
            if (remove.dataset.sure) {
                window.novelgenStories.remove(story.name);
                this.fill();
            }
            remove.dataset.sure = "yes";
            remove.textContent = this.words.delete_sure;
        });
        for (const button of [open, remove]) button.type = "button";
        row.append(open, remove);
        return row;
    }

    // A click on New asks first; the click that follows a yes goes through.
    ask(event) {
        if (this.isAgreed) {
            this.isAgreed = false;
            return;
        }
        event.stopPropagation();
        event.preventDefault();
        const story = {title: textOf("title"), manuscript: textOf("manuscript")};
        const count = countOf(story.manuscript).toLocaleString();
        const text = filled(this.words.new_why, {title: this.nameOf(story), count});
        this.dialog.querySelector("p").textContent = text;
        this.dialog.returnValue = "";
        this.dialog.showModal();
    }

    #begin() {
        window.novelgenStories?.begin();
        this.isAgreed = true;
        part("clear").click();
        setText("title", "");
    }

    // Undo may have brought back the story that was left for a new one.
    lookBack() {
        const title = window.novelgenStories?.goBack(textOf("manuscript"), draftTexts());
        if (title) setText("title", title);
    }
}
