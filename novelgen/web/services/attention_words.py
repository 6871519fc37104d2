"""The texts of the Attention tab, which its script puts on the page."""

from __future__ import annotations

from novelgen.i18n import LANGUAGES, N_, catalogue

# The script fills in the {name}s.
_MESSAGES = {
    "empty": N_(
        "Write a paragraph under Write; then this shows where in the source the model looked for "
        "each of its characters."
    ),
    # 1. The list of paragraphs, and the two texts.
    "paragraph": N_("Paragraph"),
    "place": N_("Draft {candidate} · paragraph {paragraph}: {text}"),
    "source": N_("Source: the redder, the more the model looked at it"),
    "output": N_(
        "Written: click a character; the stronger the underline, the more it surprised the model"
    ),
    "writing": N_("Writing…"),
    "stop": N_("Stop"),
    # 2. The heatmap.
    "heatmap": N_("Attention heatmap"),
    "heatmap_keys": N_(
        "Attention heatmap: arrow keys move, plus and minus zoom, 0 shows all, Enter selects a row"
    ),
    "no_attention": N_("This model has no attention, so there is no heatmap."),
    "zoom_in": N_("Zoom in"),
    "zoom_out": N_("Zoom out"),
    "fit": N_("Fit"),
    "png": N_("Download PNG"),
    "json": N_("Download JSON"),
    "log": N_("Log"),
    "log_why": N_("Logarithmic colours: small weights show as well"),
    "hint": N_("Wheel or pinch to zoom, drag to pan, click a cell to select its row"),
    "cell": N_("writing “{row}” ({i}), looking at “{column}” ({j}): weight {weight}"),
    "weight": N_("weight"),
    "across": N_("source →"),
    "down": N_("written ↓"),
    # 3. What the model expected at the selected token.
    "token": N_("{i} of {count}"),
    "end": N_("end of paragraph"),
    "byte": N_("byte {part} of {count}"),
    "probability": N_("Probability"),
    "entropy": N_("Entropy"),
    "bits": N_("{bits} bits"),
    "surprise": N_("Surprise"),
    "looked": N_("Looked at most"),
    "waiting": N_("Computing probabilities…"),
    # 4. The alternatives to it. `alternative` is what a screen reader says: one of the four that
    #    follow it, and the probability.
    "alternatives": N_("Most likely alternatives: click one, and the model goes on from there"),
    "alternative": N_("{action}, {probability}"),
    "alternative_write": N_("Write “{token}” instead and go on from there"),
    "alternative_end": N_("End the paragraph here"),
    "alternative_byte": N_("A byte is no character: the model cannot go on from it"),
    "alternative_empty": N_("A paragraph cannot be empty"),
}


def words() -> dict[str, dict[str, str]]:
    """By language, "zh" and "en": the texts by name.

    Gradio translates no texts inside a component of one's own. So the script gets both languages,
    and takes the browser's, as Gradio does everywhere else on the page.
    """
    return {
        language: {name: catalogue(language).gettext(text) for name, text in _MESSAGES.items()}
        for language in LANGUAGES
    }
