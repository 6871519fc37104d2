// Before a button moves text, waits until no more text arrives from a request that was cancelled.
// What the browser has received is still being shown then, on a slow machine or from the Attention
// tab, and would fill a draft again that was just removed. Returns the values of the moment of the
// click, in the order of the inputs, whatever they are.
async (...values) => {
    // Milliseconds since the draft changed last.
    const quiet = () => performance.now() - (window.novelgenDraftChanged ?? -1e9);
    // A busy machine shows what has come at intervals of up to half a second.
    const start = performance.now();
    while (quiet() < 600 && performance.now() < start + 10_000) {
        await new Promise(resume => setTimeout(resume, 30));
    }
    return values;
}
