// A text's name is its label's words; the copy button stands inside the label, which would otherwise belong to the button. And the
// status line is read out when the writing has ended.
() => {
    const root = document.querySelector("#write"), line = root.querySelector("#write-status");
    line.setAttribute("aria-live", "polite");
    const mend = () => {
        for (const label of root.querySelectorAll("label:not([for]):has(button)")) {
            const field = label.querySelector("textarea"), words = label.querySelector("[data-testid=block-info]");
            const name = label.closest("[id]").id;
            field.id = label.htmlFor = `${name}-text`;
            words.id = `${name}-label`;
            field.setAttribute("aria-labelledby", words.id);
        }
        line.ariaBusy = String(root.querySelector("#write-draft-1 :is(.generating, .progress-text)") !== null);
    };
    new MutationObserver(mend).observe(root, {childList: true, subtree: true, attributes: true, attributeFilter: ["class"]});
    mend();
    return [];
}
