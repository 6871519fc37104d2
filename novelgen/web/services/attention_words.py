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
    "branches": N_("Branches: the texts so far, and what was made from which"),
    "source_share": N_("Source: the redder, the more the model looked at it"),
    "source_bits": N_(
        "Source: red made the selected character likelier, blue made it less likely; the stronger,"
        " the more"
    ),
    "output": N_(
        "Written: click a character; the stronger the underline, the more it surprised the model; "
        "red ground is what the source made likelier, blue what it made less likely"
    ),
    "writing": N_("Writing…"),
    "stop": N_("Stop"),
    # 2. The heatmap.
    "heatmap": N_("Heatmap"),
    "heatmap_keys": N_(
        "Heatmap: arrow keys move, plus and minus zoom, 0 shows all, Enter selects a row;"
        " with Pin, Enter marks a cell, Shift with arrow keys marks more of them and weighs"
    ),
    "no_attention": N_("This model has no attention, so there is no heatmap."),
    "zoom_in": N_("Zoom in"),
    "zoom_out": N_("Zoom out"),
    "fit": N_("Fit"),
    "png": N_("Download PNG"),
    "svg": N_("Download SVG"),
    "json": N_("Download JSON"),
    "log": N_("Log"),
    "log_why": N_("Logarithmic colours: small weights show as well"),
    "hint": N_("Wheel or pinch to zoom, drag to pan, click a cell to select its row"),
    "cell_share": N_("writing “{row}” ({i}), looking at “{column}” ({j}): weight {weight}"),
    "cell_bits": N_("“{column}” ({j}) for “{row}” ({i}): {weight}"),
    "weight": N_("weight"),
    "across": N_("source →"),
    "down": N_("written ↓"),
    # 3. What the model expected at the selected token.
    "token": N_("{i} of {count}"),
    "end": N_("end of paragraph"),
    "byte": N_("byte {part} of {count}"),
    "probability": N_("Probability"),
    "after": N_("With the rules"),
    "ruled_out": N_("taken away by {rule}"),
    "entropy": N_("Entropy"),
    "bits": N_("{bits} bits"),
    "surprise": N_("Surprise"),
    "saved": N_("Saved by the source"),
    "most_attention": N_("Looked at most"),
    "most_gradient": N_("Largest gradient × input"),
    "most_characters": N_("Characters that change it most"),
    "most_words": N_("Words that change it most"),
    "most_sentences": N_("Sentences that change it most"),
    "waiting": N_("Computing probabilities…"),
    # 4. Why: the views, and what they say together.
    "views": N_("What the source did"),
    "view_attention": N_("Attention"),
    "view_gradient": N_("Gradient"),
    "view_characters": N_("Characters left out"),
    "view_words": N_("Words left out"),
    "view_sentences": N_("Sentences left out"),
    "explain": N_("Why? (some seconds)"),
    "explaining": N_("Computing…"),
    "explain_why": N_(
        "Computes what the source did for each character: bits saved, gradients, and what leaving "
        "each part out costs"
    ),
    "agreement": N_("Rank correlation over the source's characters:"),
    "agreement_attention_gradient": N_("attention and gradient"),
    "agreement_attention_leaving_out": N_("attention and leaving out"),
    "agreement_gradient_leaving_out": N_("gradient and leaving out"),
    "by_sentence": N_("What each sentence of the source saved in all"),
    "copied": N_("Stands in the training text"),
    "copied_from": N_("{novel} · {chapter} · paragraph {paragraph}"),
    "copies": N_("Spans of eight characters and more from the training text: {count} (dotted)"),
    "copies_unknown": N_("What is from the training text is not known: it is not here."),
    # 5. What if the source were another one, or attention.
    "what_if": N_("What if the source were…"),
    "compare": N_("Compare"),
    "comparing": N_("Computing…"),
    "compared_same": N_("The same text with this source: red is likelier, blue is less likely"),
    "compared_cost": N_("It costs {bits} bits more."),
    "compared_gain": N_("It costs {bits} bits less."),
    "compared_new": N_("What the model writes with it, with the same settings"),
    "pin": N_("Pin"),
    "pin_why": N_("Mark cells of the heatmap to say where the model must look, and write again"),
    "pin_hint": N_(
        "Click a cell or drag sideways to mark, drag up or down to weigh; Shift with arrow keys"
        " does the same"
    ),
    "pins": N_("Attention by hand: mark cells, weigh them, write again from the first such row"),
    "pinned": N_("{weight} by hand"),
    "pin_row": N_("{row}. {text}:"),
    "pin_write": N_("Write again with this attention"),
    "pin_clear": N_("Remove all"),
    # 6. The beam.
    "beam": N_("Beam: how its hypotheses lived and died"),
    "beam_node": N_("{text}: log-probability {logprob}, {state}"),
    "beam_lived": N_("went on"),
    "beam_ended": N_("finished"),
    "beam_died": N_("dropped"),
    # 7. The alternatives to it. `alternative` is what a screen reader says: one of the four that
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
