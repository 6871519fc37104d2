// Keeps the page's texts in the browser: every story is an entry of localStorage, and every browser
// tab writes one of its own, so that two tabs never overwrite each other's text. A reload restores
// the tab's own story, a new tab begins with the newest. Returns the values to start with.
//
// An entry is {time, texts}: title, manuscript, opening, drafts, journal and source, as
// writing_desk.py lists them. window.novelgenStories is what the other scripts ask.
async () => {
    const ENTRY = "novelgen-page-"; // how the names of entries begin
    const MINE = "novelgen-page"; // where sessionStorage has the name of the tab's own entry
    const PAUSE = 1000; // milliseconds from a change to its being stored
    const JOURNAL = 3 + COUNT; // its place among the texts
    const newName = () => `${ENTRY}${Date.now()}-${Math.random()}`;
    const read = name => {
        try {
            const {time, texts} = JSON.parse(localStorage.getItem(name));
            const strings = texts.map(text => typeof text === "string" ? text : "");
            return {name, time: Number(time), texts: strings};
        } catch {
            return null;
        }
    };
    const put = (name, texts, time = Date.now()) =>
        localStorage.setItem(name, JSON.stringify({time, texts}));
    // All entries, newest first; a damaged one is the oldest.
    const found = () => Object.keys(localStorage)
        .filter(name => name.startsWith(ENTRY))
        .map(name => read(name) ?? {name, time: 0})
        .sort((one, other) => other.time - one.time);
    const isEmpty = entry => !entry.texts?.slice(0, JOURNAL).some(text => text.trim());

    // 1. A tab holds a lock on its story. False where another tab has it, or where that cannot be
    //    known: the tab then goes on with a copy.
    let release = () => {};
    const hold = (name, options) => new Promise(resolve => {
        if (!navigator.locks) return resolve(false);
        navigator.locks.request(name, options, lock => {
            resolve(lock !== null);
            if (lock === null) return undefined;
            return new Promise(end => { release = end; });
        });
    });

    // 2. The story to start with. While a tab is open, its name is not in sessionStorage: the
    //    browser copies that when it duplicates a tab, and the copy needs an entry of its own.
    let mine = null, initial = null;
    try {
        mine = sessionStorage.getItem(MINE);
        sessionStorage.removeItem(MINE);
        const entries = found();
        const newest = entries.find(entry => entry.texts);
        initial = (mine && read(mine)) || newest || null;
        for (const entry of entries) {
            const isUsed = entry === initial || entry.name === mine || entry === newest;
            if (isEmpty(entry) && !isUsed) localStorage.removeItem(entry.name);
        }
    } catch { /* a browser that keeps nothing */ }
    if (mine) hold(mine, {});
    else if (initial && await hold(initial.name, {ifAvailable: true})) mine = initial.name;
    else hold(mine = newName(), {});

    // 3. Storing what has changed.
    let kept = JSON.stringify(initial?.texts ?? []); // as it was stored last
    let latest = null, timer = null, hasFailed = false;
    let before = null; // the story from which a new one was begun
    const putOrMakeRoom = () => {
        try {
            return put(mine, latest);
        } catch { /* there is no room */ }
        // What can be undone in other stories is given up first, that of the oldest before others.
        for (const {name, time, texts} of found().reverse()) {
            if (name === mine || !texts?.[JOURNAL]) continue;
            put(name, texts.with(JOURNAL, ""), time);
            try {
                return put(mine, latest);
            } catch { /* not enough yet */ }
        }
        return put(mine, latest);
    };
    const store = () => {
        clearTimeout(timer);
        timer = null;
        const texts = latest && JSON.stringify(latest);
        if (!latest || texts === kept) return;
        const failedBefore = hasFailed;
        try {
            putOrMakeRoom();
            kept = texts;
            hasFailed = false;
        } catch {
            hasFailed = true;
        }
        if (hasFailed !== failedBefore) {
            document.dispatchEvent(new CustomEvent("novelgen-full", {detail: hasFailed}));
        }
    };
    const become = name => {
        store();
        release();
        mine = name;
        hold(mine, {});
    };
    const named = texts => {
        const [title = "", manuscript = "", opening = "", ...rest] = texts;
        const drafts = Array.from({length: COUNT}, (_, place) => rest[place] ?? "");
        const [journal = "", source = ""] = rest.slice(COUNT);
        return {title, manuscript, opening, drafts, journal, source};
    };
    window.novelgenStories = {
        keep: (...texts) => {
            latest = texts.map(text => text ?? "");
            timer ??= setTimeout(store, PAUSE);
            return [];
        },
        // All stories, newest first, as the list shows them.
        list: () => {
            store();
            return found().filter(entry => !isEmpty(entry)).map(({name, time, texts}) => (
                {name, time, isMine: name === mine, ...named(texts)}));
        },
        // The tab leaves its story in the list, and begins another one.
        begin: () => {
            before = mine;
            become(newName());
        },
        // Undoing that goes back to the story that was left; returns its title, or null.
        goBack: (manuscript, drafts) => {
            const entry = before && read(before);
            const old = entry && named(entry.texts);
            const isSame = old && old.manuscript === manuscript && old.manuscript !== ""
                && old.drafts.join("\n") === drafts.join("\n");
            if (!isSame) return null;
            const begun = mine;
            become(before);
            before = null;
            localStorage.removeItem(begun);
            return old.title;
        },
        // The texts of a story that the tab goes on with, or with a copy where another tab has it.
        open: async name => {
            store();
            const entry = read(name);
            const releaseOld = release;
            if (await hold(name, {ifAvailable: true})) {
                releaseOld();
                mine = name;
            } else {
                become(newName());
            }
            before = null;
            kept = JSON.stringify(entry.texts);
            latest = null;
            return named(entry.texts);
        },
        // A story from elsewhere is to stand on the page.
        receive: () => {
            before = null;
            become(newName());
        },
        remove: name => localStorage.removeItem(name),
    };
    addEventListener("pagehide", () => {
        store();
        try {
            sessionStorage.setItem(MINE, mine);
        } catch { /* as above */ }
    });
    addEventListener("pageshow", event => event.persisted && sessionStorage.removeItem(MINE));
    document.addEventListener("visibilitychange", () => document.hidden && store());
    addEventListener("beforeunload", event => {
        store();
        if (hasFailed) event.preventDefault(); // the browser asks whether to leave
    });

    // 4. The values to start with: of the texts, and which drafts are shown.
    const {title, manuscript, opening, drafts, journal, source} = named(initial?.texts ?? []);
    const count = Math.max(1, drafts.findLastIndex(text => text !== "") + 1);
    const columns = drafts.map((_, place) => ({visible: place < count, __type__: "update"}));
    return [title, manuscript, opening, ...drafts, journal, source, ...columns];
}
