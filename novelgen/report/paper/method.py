"""The chapter on the method: data, model, training, decoding and measures, as the run has them."""

from __future__ import annotations

from novelgen.config import DecodingConfig
from novelgen.i18n import _, ngettext
from novelgen.models.zoo import attends
from novelgen.report.card import architecture
from novelgen.report.paper import equations as eq
from novelgen.report.paper.diagram import architecture_figure
from novelgen.report.paper.phrases import TOKENS, count, decimal
from novelgen.report.paper.study import Report, RunStudy
from novelgen.report.paper.writer import ReportWriter

_CELL_PAPERS = {"lstm": "hochreiter1997", "gru": "cho2014", "rnn": "graves2013"}
_VARIANT_PAPERS = {
    "bahdanau": "bahdanau2015",
    "bahdanau-gru": "bahdanau2015",
    "luong": "luong2015",
    "cho": "cho2014",
    "sutskever": "sutskever2014",
    "seq2seq": "sutskever2014",
    "lm": "graves2013",
    "transformer": "vaswani2017",
}


def write_method(writer: ReportWriter, report: Report) -> None:
    """Writes the chapter about the main run."""
    run = report.main
    writer.heading(1, _("Method"))
    _data(writer, run)
    _model(writer, run)
    _training(writer, run)
    _decoding(writer, run)
    _measures(writer)


def _data(writer: ReportWriter, run: RunStudy) -> None:
    config = run.config
    writer.heading(2, _("From novels to pairs"))
    if config.from_pairs:
        writer.paragraph(
            _(
                "The data are pairs of texts from files, a source and a target a line. Both are "
                "cut into {tokens}."
            ).format(tokens=_(TOKENS[config.data.tokenizer]))
        )
        return
    writer.paragraph(
        _(
            "The files are decoded (the encoding is detected), cleaned by rules that are counted "
            "one by one, and divided into chapters by their headings. A paragraph longer than "
            "{length} characters is cut into segments at the ends of its sentences. A pair is a "
            "segment (the target, y) with what stands before it in the same chapter (the source, "
            "x; at most {context}). No pair reaches over the border of a chapter."
        ).format(
            length=config.text.segment_length,
            context=ngettext(
                "{count} segment", "{count} segments", config.data.context_paragraphs
            ).format(count=config.data.context_paragraphs),
        )
    )
    writer.paragraph(
        _(
            "Text is cut into {tokens}. There is no unknown token: what is not in the vocabulary "
            "of {vocabulary} symbols is spelled, down to the bytes of UTF-8, so that every text "
            "has a probability. Validation and test parts are whole chapters where there are "
            "enough of them, and not paragraphs drawn at random: neighbours tell on each other, "
            "and a random split would flatter every figure."
        ).format(
            tokens=_(TOKENS[config.data.tokenizer]), vocabulary=count(run.info["vocabulary_size"])
        )
    )


def _model(writer: ReportWriter, run: RunStudy) -> None:
    model = run.model
    writer.heading(2, _("Model"))
    writer.paragraph(
        _(
            "The model, after {paper}, estimates p(y | x) token by token: {architecture}. It has "
            "{parameters} parameters. The matrix of the output layer, E, is that of the "
            "embeddings {tied}."
        ).format(
            paper=writer.cite(_VARIANT_PAPERS[model.model]),
            architecture=architecture(run.config.model),
            parameters=count(run.info.get("parameters")),
            tied=writer.cite("press2017"),
        )
    )
    writer.figure(
        _("The model of the run {run}, with its sizes").format(run=run.name),
        "architecture",
        architecture_figure(run.config.model, run.info["vocabulary_size"]),
    )
    if model.cell is None:
        writer.paragraph(
            _(
                "All layers attend, the decoder's also to the encoder's output; positions are "
                "sinusoids:"
            )
        )
        writer.equations(eq.SELF_ATTENTION, eq.OUTPUT)
        return
    writer.paragraph(
        _("The recurrent cell is {cell} {paper}:").format(
            cell=model.cell.upper(), paper=writer.cite(_CELL_PAPERS[model.cell])
        )
    )
    writer.equations(*eq.CELLS[model.cell])
    if model.encoder_layers:
        _encoder(writer, run)
    if attends(run.config.model):
        _attention(writer, run)
    writer.paragraph(
        _("A step of the decoder, its readout and the distribution of the next token:")
    )
    writer.equations(eq.decoder_step(model), eq.readout(model), eq.OUTPUT)
    if model.copy:
        writer.paragraph(
            _("A pointer may copy a token of the source instead of generating one {paper}:").format(
                paper=writer.cite("see2017")
            )
        )
        writer.equations(eq.COPY)


def _encoder(writer: ReportWriter, run: RunStudy) -> None:
    model = run.model
    if model.bidirectional:
        writer.paragraph(
            _(
                "The encoder reads the source in both directions {paper}; the annotation of a "
                "position joins both states, and what it read last makes the decoder's first state:"
            ).format(paper=writer.cite("schuster1997"))
        )
        writer.equations(eq.BIDIRECTIONAL)
    else:
        message = _(
            "The encoder reads the source from its beginning; what it read last makes the "
            "decoder's first state:"
        )
        if model.reverse_source:
            message = _(
                "The encoder reads the source from its end, as in the paper; what it read last "
                "makes the decoder's first state:"
            )
        writer.paragraph(message)
    if model.bridge:
        writer.equations(eq.BRIDGES[model.bridge])


def _attention(writer: ReportWriter, run: RunStudy) -> None:
    model = run.model
    writer.paragraph(
        _("Attention weighs the annotations anew at every step; padding has no weight:")
    )
    writer.equations(eq.query(model), eq.SCORES[model.score or "additive"], eq.ATTENTION)
    if model.token_in_query:
        writer.paragraph(
            _(
                "Other than in the paper, the query knows the token that was just written, so that "
                "attention can go on with what follows it in the source."
            )
        )
    if model.guide:
        writer.paragraph(
            _(
                "A further term of the training loss, weighted {weight:g}, rewards weight on "
                "source tokens that are to be written, the rarer the more. No figure of this "
                "report contains it."
            ).format(weight=model.guide)
        )


def _training(writer: ReportWriter, run: RunStudy) -> None:
    training = run.config.training
    writer.heading(2, _("Training"))
    writer.paragraph(
        _(
            "Training minimises the negative log-likelihood of the targets, given the true tokens "
            "before (teacher forcing), by AdamW {adamw}; gradients are clipped to a norm of "
            "{clip:g} {clipping}; dropout is {dropout:g} {dropping}. The loss of a batch is "
            "divided by its nominal size of {batch} tokens."
        ).format(
            adamw=writer.cite("loshchilov2019"),
            clip=training.clip_norm,
            clipping=writer.cite("pascanu2013"),
            dropout=run.model.dropout or 0.0,
            dropping=writer.cite("srivastava2014"),
            batch=count(training.batch_tokens),
        )
    )
    writer.equations(eq.LOSS)
    writer.paragraph(
        _(
            "The learning rate rises over n_warm = {warmup} steps and then falls along half a "
            "cosine {paper}, from η_max = {rate:g} to f = {floor:g} of it at the end of the "
            "budget; u is the share of the budget that is used, n the step:"
        ).format(
            warmup=training.warmup_steps,
            paper=writer.cite("loshchilov2017"),
            rate=training.learning_rate,
            floor=training.final_learning_rate,
        )
    )
    writer.equations(eq.LEARNING_RATE)
    if training.teacher_forcing < 1:
        writer.paragraph(
            _(
                "Scheduled sampling {paper}: the share of true tokens in the decoder's input falls "
                "from 1 to {share:g} over the budget."
            ).format(paper=writer.cite("bengio2015"), share=training.teacher_forcing)
        )
    if run.first_weights is not None:
        writer.paragraph(
            _(
                "The first weights are not random: they are those of a model that was trained "
                "before ({path}). Symbols that it did not know begin near the mean of the known. "
                "If it was trained on some of these texts, their held-out parts were not new to "
                "it, and the figures flatter it."
            ).format(path=run.first_weights)
        )
    kept = _("The weights that did best in validation are kept; all figures are of those.")
    share = run.info.get("best", {}).get("start_share", 0)
    if share:
        kept = _(
            "The weights that did best in validation were averaged with the first ones {paper}, "
            "which are {share:.0%} of the mean: validation chose the share. All figures are of "
            "the mean."
        ).format(paper=writer.cite("wortsman2022"), share=share)
    writer.paragraph(kept)


def _decoding(writer: ReportWriter, run: RunStudy) -> None:
    writer.heading(2, _("Decoding"))
    writer.paragraph(
        _(
            "Greedy decoding takes the likeliest token at every step. Sampling draws one; a "
            "temperature T below 1 sharpens the distribution (z are the logits), above 1 flattens "
            "it:"
        )
    )
    writer.equations(eq.TEMPERATURE)
    writer.paragraph(
        _(
            "Top-k draws among the k likeliest tokens only {topk}; top-p, or nucleus sampling, "
            "among the fewest whose probabilities reach p {topp}:"
        ).format(topk=writer.cite("fan2018"), topp=writer.cite("holtzman2020"))
    )
    writer.equations(eq.TOP_P)
    writer.paragraph(
        _(
            "Beam search keeps the b likeliest beginnings at every step {search} and returns the "
            "one with the best score, its log-probability divided by a power of its length {wu}:"
        ).format(search=writer.cite("sutskever2014"), wu=writer.cite("wu2016"))
    )
    writer.equations(eq.BEAM)
    # A translation, say, may repeat what its source repeats.
    if run.config.from_pairs:
        return
    rules = DecodingConfig()
    writer.paragraph(
        _(
            "Two rules hold for every decoder, as they do in the program by default: the "
            "log-probability of the last {window} tokens is lowered (penalty {factor:g} "
            "{penalty}), and no {length}-gram is written twice in a paragraph, punctuation not "
            "counted. They are against turning in circles, which greedy decoding and beams are "
            "prone to."
        ).format(
            window=rules.repetition_window,
            factor=rules.repetition_penalty,
            penalty=writer.cite("keskar2019"),
            length=rules.no_repeat_ngram,
        )
    )


def _measures(writer: ReportWriter) -> None:
    writer.heading(2, _("Measures"))
    writer.paragraph(
        _(
            "Prediction is measured with the true history, on pairs that no training saw: bits per "
            "character (BPC) and perplexity per token. The end of the paragraph is a token and is "
            "counted; it is no character. BPC compares models that cut text into characters and "
            "into words; perplexity per token does not."
        )
    )
    writer.equations(eq.BPC, eq.PERPLEXITY)
    writer.paragraph(
        _(
            "Writing is measured on texts that are written after held-out sources: distinct-n "
            "{distinct}, the share of 4-grams that stood in the same text before, the share of "
            "8-grams that stand in the training text, the length, and BLEU {bleu} and chrF {chrf} "
            "against the true next paragraph. The last two are low for any story, as there are "
            "many ways to go on; they rank settings at best. n-grams are of characters."
        ).format(
            distinct=writer.cite("li2016"),
            bleu=writer.cite("papineni2002"),
            chrf=writer.cite("popovic2015"),
        )
    )
    writer.equations(eq.DISTINCT)
    writer.paragraph(
        _(
            "How far all texts of a setting together are from all true paragraphs together is the "
            "Jensen–Shannon divergence {lin} of their bigrams, P and Q being the shares of each "
            "bigram g: 0 bits where the shares are the same, 1 bit where no bigram is in both. "
            "It knows too much repetition and too wild a choice alike. Two samples of the same "
            "author differ too, the more the shorter they are: compare settings with each other, "
            "not with 0."
        ).format(lin=writer.cite("lin1991"))
    )
    writer.equations(eq.DIVERGENCE)


def budget_text(run: RunStudy) -> str:
    """What a training took: steps, passes over the text, minutes."""
    steps = run.steps
    if not steps:
        return _("unknown")
    last = steps[-1]
    return _("{steps} steps, {epochs} passes over the text, {minutes} minutes").format(
        steps=count(last["step"]),
        epochs=decimal(passes(run)),
        minutes=decimal(last["seconds"] / 60, 1),
    )


def passes(run: RunStudy) -> float:
    """How many times the run read its training text."""
    characters = run.steps[-1]["characters"] if run.steps else 0
    total = run.info["training_characters"]
    return float(characters / total) if total else 0.0
