// Names for screen readers: a text box is called what its label says. Gradio puts the copy button
// inside the label, which would otherwise belong to that button. The status line is read out when
// the model has ended; desk.js says when that is.
() => {
    const root = document.querySelector("#write");
    root.querySelector("#write-status").setAttribute("aria-live", "polite");
    const setNames = () => {
        for (const label of root.querySelectorAll("label:not([for]):has(button)")) {
            const field = label.querySelector("textarea");
            const words = label.querySelector("[data-testid=block-info]");
            const name = label.closest("[id]").id;
            field.id = label.htmlFor = `${name}-text`;
            words.id = `${name}-label`;
            field.setAttribute("aria-labelledby", words.id);
        }
    };
    new MutationObserver(setNames).observe(root, {childList: true, subtree: true});
    setNames();
    return [];
}
