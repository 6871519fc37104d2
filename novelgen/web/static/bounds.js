// A number that is typed beside a slider stays within the slider's bounds: Gradio answers to one
// beyond them, or to none, with an error that the page does not show.
(() => {
    const slider = (field) =>
        field.matches?.("input[type=number]")
            ? field.closest(".block")?.querySelector("input[type=range]")
            : null;

    // What is too large becomes the largest. What is too small may be the beginning of a number: the
    // slider does not hear of it before the field is left.
    document.addEventListener("input", (event) => {
        const field = event.target;
        const range = slider(field);
        if (!range) return;
        if (Number(field.value) > Number(range.max)) field.value = range.max;
        if (field.value === "" || Number(field.value) < Number(range.min)) {
            event.stopImmediatePropagation();
        }
    }, true);

    document.addEventListener("change", (event) => {
        const field = event.target;
        const range = slider(field);
        if (!range) return;
        if (field.value === "") field.value = range.value; // as it was
        if (Number(field.value) >= Number(range.min)) return;
        field.value = range.min;
        field.dispatchEvent(new Event("input", {bubbles: true}));
    }, true);
})();
