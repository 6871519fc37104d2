// The fields of the Write tab, as the desk's scripts read and set them. Elements are known by their
// ids, which writing_layout.py gives.

const DRAFTS = 4;
const part = name => document.querySelector(`#write-${name}`);
const field = name => document.querySelector(`#write-${name} :is(textarea, input)`);
const textOf = name => field(name)?.value ?? "";
const draftTexts = () => Array.from({length: DRAFTS}, (_, place) => textOf(`draft-${place + 1}`));

// Sets a text as typing does, so that the page hears of it.
function setText(name, text) {
    const target = field(name);
    if (!target || target.value === text) return;
    target.value = text;
    target.dispatchEvent(new Event("input", {bubbles: true}));
}

// The JSON in a hidden field; null where there is none. It is parsed again only when it changes.
const parsed = {};
function jsonOf(name) {
    const text = textOf(name);
    if (parsed[name]?.text !== text) {
        let value = null;
        try {
            value = JSON.parse(text || "null");
        } catch { /* what is damaged is none */ }
        parsed[name] = {text, value};
    }
    return parsed[name].value;
}

// Characters as a reader counts them: without spaces and line ends, a surrogate pair once.
const countOf = text => text.length - (text.match(/[\s\udc00-\udfff]/g)?.length ?? 0);
