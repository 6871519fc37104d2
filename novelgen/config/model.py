"""The options of a model: its variant, its parts and its sizes."""

from __future__ import annotations

from dataclasses import dataclass

from novelgen.i18n import N_
from novelgen.models.zoo import VARIANTS
from novelgen.options import Checked, option


@dataclass(frozen=True)
class ModelConfig(Checked):
    """The variant, its parts and its sizes.

    What is None is as the variant has it; `novelgen.models.zoo.resolve` fills it in.
    """

    model: str = option(
        "bahdanau",
        N_("model variant; it decides the defaults of the parts below"),
        choices=tuple(VARIANTS),
        meanings={f"{name} ({each.paper})": each.summary for name, each in VARIANTS.items()},
    )
    # Parts of several networks. None: as the variant has it.
    cell: str | None = option(None, N_("recurrent cell"), choices=("lstm", "gru", "rnn"))
    embedding_size: int = option(
        256,
        N_("size of the embeddings, and of the output layer that shares their weights"),
        minimum=1,
        maximum=65_536,
    )
    # The encoder.
    encoder_size: int | None = option(
        None,
        N_(
            "hidden size of each encoder direction (default: half of --decoder-size for two "
            "directions, all of it for one)"
        ),
        minimum=1,
        maximum=65_536,
    )
    encoder_layers: int | None = option(None, N_("number of encoder layers"), minimum=1, maximum=16)
    bidirectional: bool | None = option(None, N_("the encoder reads the source in both directions"))
    reverse_source: bool | None = option(None, N_("the encoder reads the source backwards"))
    # What of the source reaches the decoder, and how.
    bridge: str | None = option(
        None,
        N_(
            "initial state of the decoder: the encoder's last state, a projection of it, or a "
            "projection of the mean of all states"
        ),
        choices=("last", "projected", "mean"),
    )
    context: str | None = option(
        None,
        N_(
            "what the decoder sees of the source: only its own initial state, one vector at every "
            "step, or attention"
        ),
        choices=("initial", "every-step", "attention"),
    )
    score: str | None = option(
        None,
        N_("attention score function"),
        choices=("additive", "dot", "general", "concat"),
    )
    input_feeding: bool | None = option(
        None, N_("feed the last attentional vector back into the decoder's input")
    )
    token_in_query: bool | None = option(
        None,
        N_(
            "the attention's query is of the decoder's state and the token before; without, as in "
            "the paper, of the state alone"
        ),
    )
    guide: float | None = option(
        None,
        N_(
            "in training, the weight of a term that guides attention to where the source holds the "
            "token to be written; 0 for none"
        ),
        minimum=0,
        maximum=100,
    )
    copy: bool | None = option(
        None, N_("pointer-generator: the decoder can copy tokens of the source")
    )
    coverage: bool | None = option(
        None, N_("coverage: the score knows how much attention each position has had so far")
    )
    # The decoder.
    decoder_size: int = option(512, N_("hidden size of the decoder"), minimum=1, maximum=65_536)
    decoder_layers: int | None = option(None, N_("number of decoder layers"), minimum=1, maximum=16)
    attention_size: int | None = option(
        None,
        N_("hidden size of the additive and concat scores (default: half of --decoder-size)"),
        minimum=1,
        maximum=65_536,
    )
    # Variational: one mask for all steps of a sequence.
    dropout: float | None = option(
        None,
        N_(
            "variational dropout rate; the LSTM decoder of bahdanau with additive scores drops "
            "recurrent weights too, at twice the rate but at most half; auto goes by how many "
            "passes over the text the budget buys"
        ),
        minimum=0.0,
        maximum=0.95,
        auto=True,
    )
