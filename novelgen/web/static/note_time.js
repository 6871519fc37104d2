// When the draft changed last: more text may be on its way; see stable_prefix.js.
() => {
    window.novelgenDraftChanged = performance.now();
    document.dispatchEvent(new CustomEvent("novelgen-changed"));
    return [];
}
