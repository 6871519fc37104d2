// Keeps the page's texts in the browser, an entry of localStorage for each browser tab, so that two
// tabs never overwrite each other's text. A reload restores the tab's own entry, a new tab starts
// with the newest. Returns the values to start with.
() => {
    const ENTRY = "novelgen-page-"; // how the names of entries begin
    const MINE = "novelgen-page"; // where sessionStorage has the name of the tab's own entry
    const KEPT = 8; // entries
    const PAUSE = 1000; // milliseconds from a change to its being stored
    const read = name => {
        try {
            const {time, texts} = JSON.parse(localStorage.getItem(name));
            const strings = texts.map(text => typeof text === "string" ? text : "");
            return {name, time: Number(time), texts: strings};
        } catch {
            return null;
        }
    };
    // All entries, newest first; a damaged one is the oldest.
    const found = () => Object.keys(localStorage)
        .filter(name => name.startsWith(ENTRY))
        .map(name => read(name) ?? {name, time: 0})
        .sort((one, other) => other.time - one.time);
    // 1. The entry to start with. While a tab is open, its name is not in sessionStorage: the
    //    browser copies that when it duplicates a tab, and the copy needs an entry of its own.
    let mine = null, initial = null, entries = [];
    try {
        mine = sessionStorage.getItem(MINE);
        sessionStorage.removeItem(MINE);
        entries = found();
        initial = (mine && read(mine)) || entries.find(entry => entry.texts) || null;
        for (const entry of entries.slice(KEPT)) {
            if (entry !== initial) localStorage.removeItem(entry.name);
        }
    } catch { /* a browser that keeps nothing */ }
    mine ??= `${ENTRY}${Date.now()}-${Math.random()}`;

    // 2. Storing what has changed.
    let kept = JSON.stringify(initial?.texts ?? []); // as it was stored last
    let latest = null, timer = null, hasFailed = false;
    const put = texts => localStorage.setItem(mine, JSON.stringify({time: Date.now(), texts}));
    const store = () => {
        clearTimeout(timer);
        timer = null;
        const texts = latest && JSON.stringify(latest);
        if (!latest || texts === kept) return;
        try {
            try {
                put(latest);
            } catch { // there is no room: all entries but the newest and the tab's own are removed
                for (const entry of found().slice(1)) {
                    if (entry.name !== mine) localStorage.removeItem(entry.name);
                }
                put(latest);
            }
            kept = texts;
            hasFailed = false;
        } catch {
            hasFailed = true;
        }
    };
    window.novelgenKeep = (...texts) => {
        latest = texts.map(text => text ?? "");
        timer ??= setTimeout(store, PAUSE);
        return [];
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

    // 3. The values to start with: of the texts, and which drafts are shown.
    const [title = "", manuscript = "", opening = "", ...drafts] = initial?.texts ?? [];
    const all = Array.from({length: COUNT}, (_, place) => drafts[place] ?? "");
    const count = Math.max(1, all.findLastIndex(text => text !== "") + 1);
    const columns = all.map((_, place) => ({visible: place < count, __type__: "update"}));
    return [title, manuscript, opening, ...all, ...columns];
}
