// Lets a stream that was broken off run dry before a button moves text: what has arrived already is still being shown, on a
// slow machine or from a continuation of the Attention tab, and would fill a draft anew that was just put away. The values are
// those of the moment of the click.
async (...values) => {
    const quiet = () => performance.now() - (window.novelgenDraftChanged ?? -1e9);
    if (quiet() > 800) return values;
    const begun = performance.now();
    while (quiet() < 300 && performance.now() < begun + 2000) {
        await new Promise(resume => setTimeout(resume, 30));
    }
    return values;
}
