"""The papers that a report may cite; it lists those that it did."""

from __future__ import annotations

REFERENCES = {
    "graves2013": (
        "Graves, A. Generating Sequences With Recurrent Neural Networks. arXiv:1308.0850, 2013."
    ),
    "hochreiter1997": (
        "Hochreiter, S., and Schmidhuber, J. Long Short-Term Memory. Neural Computation 9(8), "
        "1735–1780, 1997."
    ),
    "schuster1997": (
        "Schuster, M., and Paliwal, K. K. Bidirectional Recurrent Neural Networks. IEEE "
        "Transactions on Signal Processing 45(11), 2673–2681, 1997."
    ),
    "cho2014": (
        "Cho, K., van Merriënboer, B., Gulcehre, C., Bahdanau, D., Bougares, F., Schwenk, H., and "
        "Bengio, Y. Learning Phrase Representations using RNN Encoder–Decoder for Statistical "
        "Machine Translation. EMNLP, 2014."
    ),
    "sutskever2014": (
        "Sutskever, I., Vinyals, O., and Le, Q. V. Sequence to Sequence Learning with Neural "
        "Networks. NIPS, 2014."
    ),
    "bahdanau2015": (
        "Bahdanau, D., Cho, K., and Bengio, Y. Neural Machine Translation by Jointly Learning to "
        "Align and Translate. ICLR, 2015."
    ),
    "luong2015": (
        "Luong, M.-T., Pham, H., and Manning, C. D. Effective Approaches to Attention-based Neural "
        "Machine Translation. EMNLP, 2015."
    ),
    "see2017": (
        "See, A., Liu, P. J., and Manning, C. D. Get To The Point: Summarization with "
        "Pointer-Generator Networks. ACL, 2017."
    ),
    "vaswani2017": (
        "Vaswani, A., Shazeer, N., Parmar, N., Uszkoreit, J., Jones, L., Gomez, A. N., Kaiser, Ł., "
        "and Polosukhin, I. Attention Is All You Need. NIPS, 2017."
    ),
    "press2017": (
        "Press, O., and Wolf, L. Using the Output Embedding to Improve Language Models. EACL, 2017."
    ),
    "loshchilov2017": (
        "Loshchilov, I., and Hutter, F. SGDR: Stochastic Gradient Descent with Warm Restarts. "
        "ICLR, 2017."
    ),
    "loshchilov2019": (
        "Loshchilov, I., and Hutter, F. Decoupled Weight Decay Regularization. ICLR, 2019."
    ),
    "pascanu2013": (
        "Pascanu, R., Mikolov, T., and Bengio, Y. On the difficulty of training recurrent neural "
        "networks. ICML, 2013."
    ),
    "srivastava2014": (
        "Srivastava, N., Hinton, G., Krizhevsky, A., Sutskever, I., and Salakhutdinov, R. Dropout: "
        "A Simple Way to Prevent Neural Networks from Overfitting. JMLR 15, 1929–1958, 2014."
    ),
    "bengio2015": (
        "Bengio, S., Vinyals, O., Jaitly, N., and Shazeer, N. Scheduled Sampling for Sequence "
        "Prediction with Recurrent Neural Networks. NIPS, 2015."
    ),
    "chen1999": (
        "Chen, S. F., and Goodman, J. An empirical study of smoothing techniques for language "
        "modeling. Computer Speech & Language 13(4), 359–394, 1999."
    ),
    "fan2018": (
        "Fan, A., Lewis, M., and Dauphin, Y. Hierarchical Neural Story Generation. ACL, 2018."
    ),
    "holtzman2020": (
        "Holtzman, A., Buys, J., Du, L., Forbes, M., and Choi, Y. The Curious Case of Neural Text "
        "Degeneration. ICLR, 2020."
    ),
    "wu2016": (
        "Wu, Y., Schuster, M., Chen, Z., et al. Google's Neural Machine Translation System: "
        "Bridging the Gap between Human and Machine Translation. arXiv:1609.08144, 2016."
    ),
    "keskar2019": (
        "Keskar, N. S., McCann, B., Varshney, L. R., Xiong, C., and Socher, R. CTRL: A Conditional "
        "Transformer Language Model for Controllable Generation. arXiv:1909.05858, 2019."
    ),
    "li2016": (
        "Li, J., Galley, M., Brockett, C., Gao, J., and Dolan, B. A Diversity-Promoting Objective "
        "Function for Neural Conversation Models. NAACL, 2016."
    ),
    "papineni2002": (
        "Papineni, K., Roukos, S., Ward, T., and Zhu, W.-J. BLEU: a Method for Automatic "
        "Evaluation of Machine Translation. ACL, 2002."
    ),
    "popovic2015": (
        "Popović, M. chrF: character n-gram F-score for automatic MT evaluation. WMT, 2015."
    ),
    "jain2019": ("Jain, S., and Wallace, B. C. Attention is not Explanation. NAACL, 2019."),
    "lin1991": (
        "Lin, J. Divergence Measures Based on the Shannon Entropy. IEEE Transactions on "
        "Information Theory 37(1), 145–151, 1991."
    ),
    "wortsman2022": (
        "Wortsman, M., Ilharco, G., Kim, J. W., et al. Robust Fine-Tuning of Zero-Shot Models. "
        "CVPR, 2022."
    ),
    "koehn2004": (
        "Koehn, P. Statistical Significance Tests for Machine Translation Evaluation. EMNLP, 2004."
    ),
}


class Citations:
    """Numbers papers in the order in which they are first cited."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def cite(self, *keys: str) -> str:
        """What stands in the text: "[1]", "[2, 3]". Raises KeyError for an unknown paper."""
        for key in keys:
            REFERENCES[key]
            self._numbers.setdefault(key, len(self._numbers) + 1)
        numbers = ", ".join(str(self._numbers[key]) for key in keys)
        return f"[{numbers}]"

    def listed(self) -> list[tuple[str, str]]:
        """The number and the entry of every paper that was cited, in order."""
        return [(f"[{number}]", REFERENCES[key]) for key, number in self._numbers.items()]
