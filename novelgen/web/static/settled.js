// Lets a cancelled stream run dry before a button moves text: what has arrived already is still being shown, and would
// fill a draft anew that was just put away. The values are those of the moment of the click.
async (...values) => {
    const draft = document.querySelector("#write-draft-1");
    const field = draft.querySelector("textarea"), cover = draft.querySelector(".wrap");
    const idle = () => !cover || cover.classList.contains("hide");
    if (idle()) return values;
    const begun = performance.now();
    let text = field.value, changed = begun;
    while (performance.now() < begun + 2000 && !(idle() && performance.now() > changed + 150)) {
        await new Promise(resume => setTimeout(resume, 30));
        if (field.value !== text) {
            text = field.value;
            changed = performance.now();
        }
    }
    return values;
}
