"""The equations of a model, chosen by its parts; the letters are those of the papers.

Each is LaTeX of what matplotlib's mathtext knows, so that it can be drawn without LaTeX.
"""

from __future__ import annotations

from novelgen.config import ModelConfig

LSTM = (
    r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i),\quad f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
    r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o),\quad g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
    r"c_t = f_t \odot c_{t-1} + i_t \odot g_t,\quad h_t = o_t \odot \tanh(c_t)",
)
GRU = (
    r"r_t = \sigma(W_r x_t + U_r h_{t-1} + b_r),\quad z_t = \sigma(W_z x_t + U_z h_{t-1} + b_z)",
    r"\tilde{h}_t = \tanh(W x_t + r_t \odot (U h_{t-1} + d) + b),\quad "
    r"h_t = (1 - z_t) \odot \tilde{h}_t + z_t \odot h_{t-1}",
)
CELLS = {"lstm": LSTM, "gru": GRU, "rnn": (r"h_t = \tanh(W x_t + U h_{t-1} + b)",)}

BIDIRECTIONAL = r"h_j = [\overrightarrow{h}_j\,;\,\overleftarrow{h}_j]"
BRIDGES = {
    "last": r"s_0 = h_S",
    "projected": r"s_0 = \tanh(W_0\, h_{\mathrm{last}} + b_0)",
    "mean": r"s_0 = \tanh\left(W_0\, \dfrac{1}{S}\sum_{j=1}^{S} h_j + b_0\right)",
}
SCORES = {
    "additive": r"e_{ij} = v^{\top} \tanh(W q_i + U h_j)",
    "concat": r"e_{ij} = v^{\top} \tanh(W [q_i\,;\,h_j])",
    "dot": r"e_{ij} = q_i^{\top} h_j",
    "general": r"e_{ij} = q_i^{\top} W h_j",
}
ATTENTION = (
    r"\alpha_{ij} = \dfrac{\exp(e_{ij})}{\sum_{k=1}^{S} \exp(e_{ik})},\quad "
    r"c_i = \sum_{j=1}^{S} \alpha_{ij} h_j"
)
OUTPUT = r"p(y_i \mid y_{<i}, x) = \mathrm{softmax}(E\, t_i + b')"
COPY = (
    r"p(y) = g_i\, p_{\mathrm{vocab}}(y) + (1 - g_i) \sum_{j:\,x_j = y} \alpha_{ij},\quad "
    r"g_i = \sigma(w^{\top} t_i + b)"
)
SELF_ATTENTION = (
    r"\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\left(\dfrac{Q K^{\top}}{\sqrt{d_k}}\right) V"
)

LOSS = r"\mathcal{L} = -\sum_{i=1}^{T} \ln\, p(y_i \mid y_{<i}, x)"
BPC = (
    r"\mathrm{BPC} = \dfrac{-\sum \log_2 p(y_i \mid y_{<i}, x)}"
    r"{\mathrm{characters\ of\ the\ targets}}"
)
PERPLEXITY = (
    r"\mathrm{PPL} = \exp\left(\dfrac{-\sum \ln p(y_i \mid y_{<i}, x)}"
    r"{\mathrm{tokens\ of\ the\ targets}}\right)"
)
LEARNING_RATE = (
    r"\eta = \eta_{\max} \left(f + (1 - f)\, \dfrac{1 + \cos(\pi u)}{2}\right) "
    r"\min\left(1, \dfrac{n + 1}{n_{\mathrm{warm}}}\right)"
)
TEMPERATURE = r"p_T(y) = \dfrac{\exp(z_y / T)}{\sum_{v} \exp(z_v / T)}"
TOP_P = (
    r"V_p = \mathrm{smallest\ set\ with}\ \sum_{y \in V_p} p(y) \geq p,\quad "
    r"p'(y) = \dfrac{p(y)\,[y \in V_p]}{\sum_{v \in V_p} p(v)}"
)
BEAM = r"\hat{y} = \mathrm{arg\,max}_{y}\ \dfrac{\ln p(y \mid x)}{\left|y\right|^{\lambda}}"
DISTINCT = (
    r"\mathrm{distinct}_n = \dfrac{\mathrm{different}\ n\text{-grams}}"
    r"{\mathrm{all}\ n\text{-grams}}"
)
DIVERGENCE = (
    r"\mathrm{JSD}(P, Q) = H\left(\dfrac{P + Q}{2}\right) - \dfrac{H(P) + H(Q)}{2},\quad "
    r"H(P) = -\sum_{g} P(g) \log_2 P(g)"
)


def query(model: ModelConfig) -> str:
    """What attention is asked with, of a model that attends."""
    if model.input_feeding is not None:
        return r"q_i = s_i"
    if model.token_in_query:
        return r"q_i = [s_{i-1}\,;\,E y_{i-1}]"
    return r"q_i = s_{i-1}"


def decoder_step(model: ModelConfig) -> str:
    """The decoder's recurrence."""
    cell = (model.cell or "").upper()
    if model.context == "attention" and model.input_feeding is None:
        return rf"s_i = \mathrm{{{cell}}}(s_{{i-1}}, [E y_{{i-1}}\,;\,c_i])"
    if model.input_feeding:
        return rf"s_i = \mathrm{{{cell}}}(s_{{i-1}}, [E y_{{i-1}}\,;\,t_{{i-1}}])"
    if model.context == "every-step":
        return rf"s_i = \mathrm{{{cell}}}(s_{{i-1}}, [E y_{{i-1}}\,;\,c])"
    return rf"s_i = \mathrm{{{cell}}}(s_{{i-1}}, E y_{{i-1}})"


def readout(model: ModelConfig) -> str:
    """What the output layer reads."""
    if model.context == "attention":
        if model.input_feeding is not None:
            return r"t_i = \tanh(R\,[c_i\,;\,s_i])"
        return r"t_i = \tanh(R\,[s_i\,;\,c_i\,;\,E y_{i-1}] + b)"
    if model.context == "every-step":
        return r"t_i = \tanh(R\,[s_i\,;\,c\,;\,E y_{i-1}] + b)"
    return r"t_i = R\, s_i"
