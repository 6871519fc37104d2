// The desk above the sheet: its menus, its keys, and what the buttons below the sheet can do. What
// needs the server is sent as an event; see writing_desk.py.

const root = element.querySelector(".desk");
const words = props.words[navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"];
const tab = () => document.querySelector("#write");
const isSeen = () => tab()?.offsetParent !== null;
const told = part("told");
// Nothing sticks to the window within a box that hides what overflows, as Gradio's does.
element.closest(".gradio-container").style.overflow = "clip";

for (const each of root.querySelectorAll("[data-word]")) each.textContent = words[each.dataset.word];
for (const each of root.querySelectorAll("[data-name]")) {
    each.title = words[each.dataset.name];
    each.setAttribute("aria-label", each.title);
    if (each.tagName === "INPUT") each.placeholder = each.title;
}

// Every request has a number, so that no answer equals the one before it.
let number = 0;
const ask = (name, asked = {}) => trigger(name, {...asked, number: ++number});

const buttons = new Buttons(words);
const lateText = new LateText();
const sheet = new Sheet(words, asked => ask("window", asked));
const finding = new Finding(root, words, sheet, manuscript => ask("edit", {manuscript}));
const stories = new Stories(words, story => ask("open", story));

function tell(text) {
    told.textContent = text;
    told.hidden = !text;
}

// On a phone the bar lies over the end of the page, which leaves as much room as it takes.
const barHeight = new ResizeObserver(([{target}]) => {
    document.documentElement.style.setProperty("--write-bar", `${target.offsetHeight}px`);
});
let watched = null; // the bar, which is there when the page is whole
function watchBar() {
    if (part("bar") === watched) return;
    watched = part("bar");
    barHeight.observe(watched);
}

// 1. What follows from a changed text. Once for all changes of a moment.
let isAwaited = false;
function refresh() {
    if (isAwaited) return;
    isAwaited = true;
    requestAnimationFrame(() => {
        isAwaited = false;
        if (!tab()) return;
        watchBar();
        lateText.remove();
        buttons.refresh();
        sheet.ask();
        finding.look(false);
        sheet.grow();
        const count = countOf(textOf("manuscript")).toLocaleString();
        part("count").textContent = filled(words.count, {count});
    });
}
const on = (name, handler) => document.addEventListener(`novelgen-${name}`, handler);
on("changed", refresh);
on("ended", () => {
    buttons.isBusy = false;
    refresh();
});
on("moved", () => {
    lateText.settle();
    stories.lookBack();
    refresh();
    requestAnimationFrame(() => requestAnimationFrame(() => sheet.showEnd()));
});
on("opened", refresh);
on("edited", refresh);
on("full", event => tell(event.detail ? words.full : ""));

// 2. Clicks, before Gradio hears of them.
let isMiddle = false; // whether something is written within the manuscript
const WRITES = "#write-continue, #write-rewrite";
const ENDS = "#write-stop, #write-accept, #write-discard, #write-undo, #write-redo, .write-pick, #write-examples button";
addEventListener("click", event => {
    const target = event.target.closest?.("button, summary");
    if (!target?.closest("#write")) return;
    if (target.matches("#write-clear")) stories.ask(event);
    if (target.matches(WRITES) && isMiddle) {
        event.stopImmediatePropagation();
        return;
    }
    if (target.matches(WRITES) && target.getAttribute("aria-disabled") !== "true") {
        buttons.isBusy = true;
        lateText.forget();
        tell("");
        sheet.follow();
        refresh();
    }
    if (target.matches(ENDS)) {
        if (target.id !== "write-stop") lateText.cancel();
        if (isMiddle) endMiddle();
        buttons.isBusy = false;
        sheet.letGo();
        refresh();
    }
}, {capture: true});
addEventListener("click", event => {
    // A menu closes when something else is clicked.
    for (const menu of root.querySelectorAll("details[open]")) {
        if (!menu.contains(event.target)) menu.open = false;
    }
});
for (const name of ["wheel", "touchmove"]) addEventListener(name, () => sheet.letGo(), {passive: true});
addEventListener("pointerdown", event => event.target.closest?.("#write-sheet") && sheet.letGo());

// The blank rest of the sheet belongs to the manuscript.
addEventListener("pointerup", event => {
    if (event.target.id !== "write-sheet") return;
    const target = field("manuscript");
    target.focus({preventScroll: true});
    target.setSelectionRange(target.value.length, target.value.length);
});

// 3. Keys.
const press = name => {
    const button = part(name);
    if (button && !button.disabled) button.click();
};
function keyOf(event) {
    const names = [];
    if (event.ctrlKey || event.metaKey) names.push("ctrl");
    if (event.altKey) names.push("alt");
    if (event.shiftKey) names.push("shift");
    return [...names, event.key.toLowerCase()].join(" ");
}
const KEYS = {
    "ctrl enter": () => buttons.isBusy || press("continue"),
    "ctrl shift enter": () => press("accept"),
    "ctrl shift backspace": () => press("discard"),
    "alt enter": () => press("rewrite"),
    "ctrl f": () => finding.toggle(true),
    "ctrl s": () => ask("file", {kind: "json"}),
};
addEventListener("keydown", event => {
    if (!isSeen() || event.isComposing) return;
    const act = KEYS[keyOf(event)];
    if (act) {
        event.preventDefault();
        act();
    } else if (event.key === "Escape") {
        escape();
    } else if (["PageUp", "ArrowUp", "Home"].includes(event.key)) {
        sheet.letGo();
    }
});
function escape() {
    const menus = [...root.querySelectorAll("details[open]")];
    for (const menu of menus) {
        menu.open = false;
        menu.querySelector("summary").focus();
    }
    if (menus.length) return;
    if (!finding.form.hidden) finding.toggle(false);
    else if (buttons.isBusy) press("stop");
}

// 4. Chapters.
const chapters = part("chapters");
chapters.addEventListener("toggle", () => chapters.open && ask("chapters"));
function listChapters(found) {
    const list = chapters.querySelector("ol");
    list.replaceChildren(...found.map(({offset, title}) => {
        const button = node("button", "", title);
        button.type = "button";
        button.addEventListener("click", () => {
            chapters.open = false;
            const target = field("manuscript");
            target.focus({preventScroll: true});
            target.setSelectionRange(offset, offset);
            const [box] = sheet.rectangles(offset, offset + 1);
            if (box) sheet.scrollTo(box);
        });
        return node("li", "", button);
    }));
    if (!found.length) list.append(node("li", "", words.no_chapters));
}

// 5. Files.
function save(blob, name) {
    saveFile(blob, name);
    const hasDraft = !name.endsWith(".json") && draftTexts().some(text => text.trim());
    tell(filled(hasDraft ? words.without_draft : words.saved, {name}));
    part("file").open = false;
}
// As a text the story needs no server: a lost connection loses no text.
part("download").addEventListener("click", () => {
    const title = textOf("title").trim();
    const harmless = title.replace(/[\\/:*?"<>|\u0000-\u001f\u007f]/g, "_");
    const plain = harmless.replace(/^[. ]+|[. ]+$/g, "");
    const text = (title ? `${title}\n\n` : "") + textOf("manuscript").trim() + "\n";
    const blob = new Blob([text], {type: "text/plain;charset=utf-8"});
    save(blob, `${[...plain].slice(0, 60).join("") || "novel"}.txt`);
});
part("save").addEventListener("click", () => ask("file", {kind: "json"}));
part("markdown").addEventListener("click", () => ask("file", {kind: "md"}));
part("word").addEventListener("click", () => ask("file", {kind: "docx"}));
part("open").addEventListener("click", () => part("open-file").click());
part("open-file").addEventListener("change", async event => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    part("file").open = false;
    try {
        const story = await readStory(file);
        window.novelgenStories?.receive();
        tell("");
        ask("open", story);
    } catch {
        tell(filled(words.unreadable, {name: file.name}));
    }
});
async function readStory(file) {
    const bytes = await file.arrayBuffer();
    let text;
    try {
        text = new TextDecoder("utf-8", {fatal: true}).decode(bytes);
    } catch {
        text = new TextDecoder("gb18030", {fatal: true}).decode(bytes);
    }
    if (!file.name.endsWith(".json")) return {name: file.name, text};
    const story = JSON.parse(text);
    if (typeof story.manuscript !== "string") throw new Error("no story");
    return story;
}
function saveMade({name, type, content}) {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    save(new Blob([bytes], {type}), name);
}

// 6. In the middle. The manuscript must stay as it is until the answer has come, or is not awaited.
function writeInTheMiddle(isSelection) {
    part("middle").open = false;
    if (buttons.isBusy) {
        tell(words.busy);
        return;
    }
    const target = field("manuscript");
    const place = unit => [...target.value.slice(0, unit)].length; // in characters
    const start = place(target.selectionStart);
    const stop = place(target.selectionEnd);
    if (isSelection && start === stop) {
        tell(words.nothing_selected);
        return;
    }
    isMiddle = buttons.isBusy = target.readOnly = true;
    tell(words.middle_writing);
    refresh();
    ask("middle", isSelection ? {start, stop} : {start: stop, stop});
}
function endMiddle() {
    isMiddle = buttons.isBusy = field("manuscript").readOnly = false;
    tell("");
    refresh();
}
part("fill").addEventListener("click", () => writeInTheMiddle(false));
part("reword").addEventListener("click", () => writeInTheMiddle(true));
on("middle-ended", () => isMiddle && endMiddle());

// 7. What the server answers.
watch("value", () => {
    const value = JSON.parse(JSON.stringify(props.value ?? {}));
    if (value.chapters) listChapters(value.chapters);
    if (value.file) saveMade(value.file);
    if (value.read) sheet.answer(value.read);
});
document.addEventListener("input", event => {
    if (event.isTrusted && event.target.closest?.("#write-sheet")) sheet.letGo();
    if (event.isTrusted && event.target.closest?.("#write-drafts")) lateText.forget();
    if (event.target.closest?.("#write")) refresh();
});
refresh();
