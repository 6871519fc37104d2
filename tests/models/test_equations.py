"""Every variant against its paper's equations, written out here in NumPy.

They take one row, one token and one layer at a time. Nothing is shared with the package but the
names of the weights. Cells have the equations of PyTorch's documentation.
"""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from novelgen.config import ModelConfig
from novelgen.models.zoo import VARIANTS, resolve

BOS = 1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def cell_step(cell, weights, x, state):
    """One step of a cell: the next state, (h,) or (h, c).

    weights are weight_ih, weight_hh, bias_ih, bias_hh.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    from_input, from_state = w_ih @ x + b_ih, w_hh @ state[0] + b_hh
    if cell == "rnn":
        return (np.tanh(from_input + from_state),)
    if cell == "gru":
        (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(from_input, 3), np.split(from_state, 3)
        z = sigmoid(z_x + z_h)
        return ((1 - z) * np.tanh(n_x + sigmoid(r_x + r_h) * n_h) + z * state[0],)
    i, f, g, o = np.split(from_input + from_state, 4)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


class Paper:
    """The model of a configuration, row by row."""

    def __init__(self, network, cell):
        self.w = {name: tensor.detach().numpy() for name, tensor in network.named_parameters()}
        self.cell = cell
        self.covered = None  # Σ of the weights so far

    def layer(self, path):
        return [
            self.w[f"{path}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]

    def count(self, path):
        return sum(name.startswith(path) and name.endswith("weight_hh_l0") for name in self.w)

    def run(self, path, xs, state=None):
        """States (h,) or (h, c) after every x."""
        weights, states = self.layer(path), []
        state = state or (np.zeros(weights[1].shape[1]),) * (2 if self.cell == "lstm" else 1)
        for x in xs:
            state = cell_step(self.cell, weights, x, state)
            states.append(state)
        return states

    def encode(self, tokens, reverse=False):
        """h_1 … h_S, and the last state of every layer."""
        xs = [self.w["embedding.weight"][token] for token in tokens]
        if reverse:
            xs = xs[::-1]
        last = []
        for number in range(self.count("encoder.forwards")):
            ahead = self.run(f"encoder.forwards.{number}", xs)
            ends, xs_next = ahead[-1], [state[0] for state in ahead]
            if self.count("encoder.backwards"):
                behind = self.run(f"encoder.backwards.{number}", xs[::-1])[::-1]
                pairs = zip(ahead, behind, strict=True)
                xs_next = [np.concatenate([one[0], other[0]]) for one, other in pairs]
                both_ends = zip(ahead[-1], behind[0], strict=True)
                ends = tuple(np.concatenate(pair) for pair in both_ends)
            last.append(ends)
            xs = xs_next
        return (xs[::-1] if reverse else xs), last

    def projected(self, vector, layers):
        """tanh(V x + b), cut into the parts of all layers' states."""
        parts = np.split(
            np.tanh(self.w["bridge.weight"] @ vector + self.w["bridge.bias"]),
            layers * (2 if self.cell == "lstm" else 1),
        )
        width = len(parts) // layers
        return [tuple(parts[width * number : width * (number + 1)]) for number in range(layers)]

    def stack(self, path, x, states):
        """One token through the layers below `path`: the top layer's output and the new states."""
        moved = []
        for number, state in enumerate(states):
            moved.append(cell_step(self.cell, self.layer(f"{path}.{number}"), x, state))
            x = moved[-1][0]
        return x, moved

    def score(self, kind, s, h, covered, at="decoder.attention."):
        if kind == "dot":
            return s @ h
        if kind == "general":
            return s @ self.w[at + "key.weight"] @ h
        if kind == "concat":
            return self.w[at + "score"] @ np.tanh(
                self.w[at + "both.weight"] @ np.concatenate([s, h])
            )
        inner = self.w[at + "query.weight"] @ s + self.w[at + "key.weight"] @ h
        if kind == "coverage":
            # Tu et al. (2016), equation 6 with the linguistic coverage of section 3.1.1 and a
            # fertility of 1.
            inner = inner + self.w[at + "coverage"] * covered
        return self.w[at + "score"] @ np.tanh(inner)

    def attend(self, kind, s, hs, at="decoder.attention."):
        self.covered = np.zeros(len(hs)) if self.covered is None else self.covered
        scores = [
            self.score(kind, s, h, covered, at) for h, covered in zip(hs, self.covered, strict=True)
        ]
        weights = softmax(np.array(scores))
        self.covered = self.covered + weights
        return sum(weight * h for weight, h in zip(weights, hs, strict=True)), weights

    def read_out(self, parts):
        return np.tanh(
            self.w["decoder.readout.weight"] @ np.concatenate(parts)
            + self.w.get("decoder.readout.bias", 0)
        )

    def write(self, target, advance):
        """Logits (T, V) and weights (T, S).

        `advance` gives the readout and the weights after each token.
        """
        found = [advance(self.w["embedding.weight"][token]) for token in [BOS, *target[:-1]]]
        logits = [
            self.w["embedding.weight"] @ readout + self.w["output_bias"] for readout, _ in found
        ]
        return np.array(logits), np.array([weights for _, weights in found])


def bahdanau(paper, source, target, kind, token_in_query=True):
    """Bahdanau et al. (2015), sections 3.1 and 3.2.

    With LSTM cells and the additive score, weights are named as in `BahdanauDecoder`.
    """
    hs, last = paper.encode(source)
    fast = "decoder.token.weight" in paper.w
    prefix = "decoder." if fast else "decoder.attention."
    states = paper.projected(last[-1][0], 1 + paper.count("decoder.upper"))

    def first(y, c, state):
        inputs = np.concatenate([y, c])
        if not fast:
            return cell_step(paper.cell, paper.layer("decoder.first"), inputs, state)
        weight_ih = np.hstack([paper.w["decoder.token.weight"], paper.w["decoder.context.weight"]])
        weight_hh, bias = paper.w["decoder.recurrent.weight"], paper.w["decoder.token.bias"]
        return cell_step("lstm", (weight_ih, weight_hh, bias, 0), inputs, state)

    def advance(y):
        query = np.concatenate([states[0][0], y]) if token_in_query else states[0][0]
        c, weights = paper.attend(kind, query, hs, prefix)
        states[0] = first(y, c, states[0])
        top, states[1:] = paper.stack("decoder.upper", states[0][0], states[1:])
        return paper.read_out([top, c, y]), weights

    return paper.write(target, advance)


def luong(paper, source, target, kind, feeding):
    """Luong et al. (2015), sections 3.1 and 3.3."""
    hs, last = paper.encode(source)
    states, fed = list(last), np.zeros(len(paper.w["decoder.readout.weight"]))

    def advance(y):
        nonlocal states, fed
        inputs = np.concatenate([y, fed]) if feeding else y
        top, states = paper.stack("decoder.layers", inputs, states)
        c, weights = paper.attend(kind, top, hs)
        fed = paper.read_out([c, top])
        return fed, weights

    return paper.write(target, advance)


def every_step(paper, source, target):
    """Cho et al. (2014), section 2.2: f(h, y, c) and g(h, y, c)."""
    _, last = paper.encode(source)
    c = last[-1][0]
    states = paper.projected(c, paper.count("decoder.layers"))

    def advance(y):
        nonlocal states
        top, states = paper.stack("decoder.layers", np.concatenate([y, c]), states)
        return paper.read_out([top, c, y]), []

    return paper.write(target, advance)


def initial(paper, source, target, reverse=False, bridge="last"):
    """Sutskever et al. (2014), section 2; the mean as in Sennrich et al. (2017)."""
    hs, last = paper.encode(source, reverse)
    states = list(last) if bridge == "last" else paper.projected(np.mean(hs, axis=0), len(last))

    def advance(y):
        nonlocal states
        top, states = paper.stack("decoder.layers", y, states)
        return paper.w["decoder.readout.weight"] @ top, []

    return paper.write(target, advance)


def language_model(paper, source, target):
    """Graves (2013): one network along source, BOS and target; what counts begins after BOS."""
    states = [(np.zeros(8),) * (2 if paper.cell == "lstm" else 1)] * paper.count("decoder.layers")
    for token in source:
        _, states = paper.stack("decoder.layers", paper.w["embedding.weight"][token], states)

    def advance(y):
        nonlocal states
        top, states = paper.stack("decoder.layers", y, states)
        return paper.w["decoder.readout.weight"] @ top, []

    return paper.write(target, advance)


def equations_of(name):
    """The equations of a variant as it is, and what they take beside source and target."""
    parts = resolve(ModelConfig(model=name))
    if parts.encoder_layers is None:
        return language_model, ()
    if parts.context == "every-step":
        return every_step, ()
    if parts.context == "initial":
        return initial, (parts.reverse_source, parts.bridge)
    if parts.input_feeding is None:
        return bahdanau, (parts.score, parts.token_in_query)
    return luong, (parts.score, parts.input_feeding)


CELLS, SCORES = ("lstm", "gru", "rnn"), ("additive", "dot", "general", "concat")
CASES = [
    # A model without recurrent cells has tests of its own: test_transformer.py.
    *(
        ({"model": name}, *equations_of(name))
        for name, variant in VARIANTS.items()
        if "cell" in variant.parts
    ),
    *(
        (
            {
                "model": "bahdanau",
                "cell": cell,
                "score": score,
                "encoder_layers": layers,
                "decoder_layers": layers,
            },
            bahdanau,
            (score, score != "dot"),
        )
        for cell, score, layers in itertools.product(CELLS, SCORES, (1, 2))
    ),
    *(
        (
            {
                "model": "luong",
                "cell": cell,
                "score": score,
                "input_feeding": feeding,
                "encoder_layers": 2,
                "decoder_layers": 2,
            },
            luong,
            (score, feeding),
        )
        for cell, score, feeding in itertools.product(CELLS, SCORES, (True, False))
    ),
    *(
        ({"model": model, "token_in_query": False}, bahdanau, ("additive", False))
        for model in ("bahdanau", "bahdanau-gru")
    ),
    *(
        (
            {"model": "bahdanau", "cell": cell, "coverage": True, "decoder_layers": 2},
            bahdanau,
            ("coverage",),
        )
        for cell in CELLS
    ),
    *(
        (
            {
                "model": "luong",
                "cell": cell,
                "score": "additive",
                "coverage": True,
                "input_feeding": feeding,
            },
            luong,
            ("coverage", feeding),
        )
        for cell in CELLS
        for feeding in (True, False)
    ),
    *(
        ({"model": "cho", "cell": cell, "decoder_layers": layers}, every_step, ())
        for cell in CELLS
        for layers in (1, 2)
    ),
    *(({"model": "sutskever", "cell": cell}, initial, (True,)) for cell in CELLS),
    *(({"model": "seq2seq", "cell": cell, "bidirectional": True}, initial, ()) for cell in CELLS),
    *(
        ({"model": "seq2seq", "cell": cell, "bridge": "mean"}, initial, (False, "mean"))
        for cell in CELLS
    ),
    *(({"model": "lm", "cell": cell}, language_model, ()) for cell in CELLS),
]


@pytest.mark.parametrize(
    ("options", "equations", "arguments"),
    CASES,
    ids=["-".join(map(str, options.values())) for options, _, _ in CASES],
)
def test_logits_and_weights_follow_the_equations_of_the_paper(
    make, batch, options, equations, arguments
):
    network = make(**options)
    with torch.no_grad():
        # Biases start at zero, which would hide where they go.
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        source, lengths, target = batch
        logits, weights = network.unroll(target, *network.start(source, lengths))
    cell = resolve(ModelConfig(**options)).cell
    for row, length in enumerate(lengths.tolist()):
        expected, expected_weights = equations(
            Paper(network, cell), source[row, :length].tolist(), target[row].tolist(), *arguments
        )
        np.testing.assert_allclose(logits[row].numpy(), expected, rtol=1e-9, atol=1e-9)
        if weights.shape[2]:
            np.testing.assert_allclose(
                weights[row, :, :length].numpy(), expected_weights, rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize(
    ("cell", "oracle"), [("lstm", nn.LSTMCell), ("gru", nn.GRUCell), ("rnn", nn.RNNCell)]
)
def test_cells_of_this_file_are_those_of_pytorch(cell, oracle):
    torch.manual_seed(0)
    module = oracle(5, 4).double()
    x, *state = (torch.randn(1, size, dtype=torch.float64) for size in (5, 4, 4))
    state = state if cell == "lstm" else state[:1]
    expected = module(x, tuple(state) if cell == "lstm" else state[0])
    weights = [
        getattr(module, name).detach().numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    found = cell_step(cell, weights, x[0].numpy(), tuple(part[0].numpy() for part in state))
    for mine, truth in zip(found, expected if cell == "lstm" else [expected], strict=True):
        np.testing.assert_allclose(mine, truth[0].detach().numpy(), rtol=1e-12)
