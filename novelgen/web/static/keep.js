// Keeps what stands on the page in the browser, an entry for each tab, so that two of them never write over each other's text. A
// reload shows the tab's own entry again, a new tab shows the newest. Gives the values to begin with.
() => {
    const ENTRY = "novelgen-page-", MINE = "novelgen-page", KEPT = 8, PAUSE = 1000; // entries; milliseconds
    const read = name => {
        try {
            const {time, texts} = JSON.parse(localStorage.getItem(name));
            return {name, time: Number(time), texts: texts.map(text => typeof text === "string" ? text : "")};
        } catch {
            return null;
        }
    };
    const found = () => Object.keys(localStorage).filter(name => name.startsWith(ENTRY)).map(name => read(name) ?? {name, time: 0})
        .sort((one, other) => other.time - one.time);
    // As long as a tab is open its name is taken out of there, so that a copy of the tab gets another one.
    let mine = null, begun = null, entries = [];
    try {
        mine = sessionStorage.getItem(MINE);
        sessionStorage.removeItem(MINE);
        entries = found();
        begun = (mine && read(mine)) || entries.find(entry => entry.texts) || null;
        for (const entry of entries.slice(KEPT).filter(entry => entry !== begun)) localStorage.removeItem(entry.name);
    } catch { /* a browser that keeps nothing */ }
    mine ??= `${ENTRY}${Date.now()}-${Math.random()}`;

    let kept = JSON.stringify(begun?.texts ?? []), latest = null, timer = null, hasFailed = false;
    const put = texts => localStorage.setItem(mine, JSON.stringify({time: Date.now(), texts}));
    const store = () => {
        clearTimeout(timer);
        timer = null;
        const texts = latest && JSON.stringify(latest);
        if (!latest || texts === kept) return;
        try {
            try {
                put(latest);
            } catch { // there is no room: the oldest of the others go
                for (const entry of found().slice(1).filter(entry => entry.name !== mine)) localStorage.removeItem(entry.name);
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

    const [title = "", manuscript = "", opening = "", ...drafts] = begun?.texts ?? [];
    const all = Array.from({length: COUNT}, (_, place) => drafts[place] ?? "");
    const count = Math.max(1, all.findLastIndex(text => text !== "") + 1);
    return [title, manuscript, opening, ...all, ...all.map((_, place) => ({visible: place < count, __type__: "update"}))];
}
