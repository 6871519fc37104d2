"""Every option of the program, once: its default, its bounds and its help text.

The dataclasses here are the command line (`novelgen.cli` turns fields into flags), the Python API and what a
run directory's `config.json` holds. Nothing here imports torch, so that `--help` answers at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from novelgen.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")
TASKS = ("next", "previous", "same")
_LARGEST = 2**64  # of any number; beyond it not even a float may hold it
Section = TypeVar("Section")


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    above: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    flags: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that knows its bounds: `above` is exclusive, `minimum` and `maximum` inclusive.

    `flags` are further names of the same option on the command line.
    """
    bounds = {"choices": choices, "above": above, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={"help": help, "flags": flags, **bounds})


def flag(name: str) -> str:
    """The command-line spelling of a field: `top_p` → `--top-p`."""
    return "--" + name.replace("_", "-")


def validate_choice(name: str, known: Mapping[str, Any] | tuple[str, ...], what: str) -> str:
    """`name` when it is one of `known`; otherwise a ConfigError that offers the nearest name and the list."""
    if name in known:
        return name
    close = difflib.get_close_matches(str(name), list(known), n=1)
    hint = f"是否想写 {close[0]}？did you mean {close[0]}? " if close else ""
    raise ConfigError(f"{what}：没有 {name!r} 这个选择；{hint}可选 choices: {', '.join(known)}")


def _check_field(section: Any, spec: dataclasses.Field) -> None:
    value, bounds = getattr(section, spec.name), spec.metadata
    if value is None:
        return
    if bounds["choices"]:
        validate_choice(value, bounds["choices"], flag(spec.name))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        parts = []
        if bounds["above"] is not None:
            parts.append(f"> {bounds['above']:g}")
        if bounds["minimum"] is not None:
            parts.append(f"≥ {bounds['minimum']:g}")
        if bounds["maximum"] is not None:
            parts.append(f"≤ {bounds['maximum']:g}")
        wrong = (
            abs(value) > _LARGEST
            or not math.isfinite(value)
            or (bounds["above"] is not None and value <= bounds["above"])
            or (bounds["minimum"] is not None and value < bounds["minimum"])
            or (bounds["maximum"] is not None and value > bounds["maximum"])
        )
        if wrong:
            allowed = "，".join(parts) or "有限数 a finite number"
            shown = "……" if abs(value) > _LARGEST else value
            raise ConfigError(
                f"{flag(spec.name)} {shown}：超出范围，应 {allowed} | out of range, must be {allowed}"
            )


class _Checked:
    """Checks every field against its bounds when the section is made."""

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            _check_field(self, spec)


@dataclass(frozen=True)
class TextConfig(_Checked):
    """How a raw file becomes clean segments."""

    encoding: str = option(
        "auto", "文件编码，auto 为自动判断 | encoding of the corpus; auto decides by evidence"
    )
    errors: str = option(
        "strict",
        "遇到坏字节：strict 报错，replace 换成 � 后删去 | undecodable bytes: stop, or replace",
        choices=("strict", "replace"),
    )
    simplify: bool = option(False, "繁体转简体 | convert Traditional characters to Simplified")
    segment_length: int = option(
        100,
        "一段最多多少字，更长的在句末切开 | longest segment in characters; longer paragraphs are cut "
        "at sentence ends",
        minimum=10,
        maximum=10_000,
    )


def _weight(task: str, typed: str) -> float:
    try:
        weight = float(typed)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= _LARGEST:  # NaN neither
        raise ConfigError(
            f"--tasks {task}={typed}：份量应是大于 0 的数，例如 {task}=2 | a weight must be a number "
            f"above 0, for example {task}=2"
        )
    return weight


@dataclass(frozen=True)
class DataConfig(_Checked):
    """How segments become ids and pairs."""

    tokenizer: str = option(
        "char",
        "按字或按词（中文用结巴，其他文字按空格和标点）| characters, or words: jieba's for Chinese, those "
        "between spaces and punctuation for other text",
        choices=("char", "word"),
        flags=("--level",),
    )
    user_dict: str | None = option(
        None, "结巴用户词典（人名等），每行一词 | jieba user dictionary (names), one word a line"
    )
    min_count: int = option(
        2,
        "出现少于此数的字、词不入词表，改为逐字或逐字节拼写 | rarer characters and words are spelled "
        "in bytes and characters instead",
        minimum=1,
    )
    vocabulary_size: int = option(
        30_000,
        "词表大小上限 | largest vocabulary, special and byte tokens included",
        minimum=260,
        maximum=2_000_000,
    )
    context_paragraphs: int = option(
        1, "用前几段作为源 | how many preceding segments form the source", minimum=1, maximum=100
    )
    tasks: str = option(
        "next",
        "学什么，可带份量：下一段、上一段、原段，如 next=2,previous,same；第一个为主，由它定早停 | what to learn, "
        "perhaps with weights: the next paragraph, the previous one, the same; the first is the main one and decides "
        "when to stop",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.task_weights  # raises for what is no list of tasks

    @property
    def task_weights(self) -> dict[str, float]:
        """The tasks and how often each is trained, in their order; the first one is the main one."""
        weights: dict[str, float] = {}
        for part in self.tasks.replace("，", ",").split(","):
            name, is_weighted, weight = (word.strip() for word in part.partition("="))
            if validate_choice(name, TASKS, "--tasks") in weights:
                raise ConfigError(
                    f"--tasks {self.tasks}：{name} 写了两次；请各写一次 | {name} occurs twice; give each task once"
                )
            weights[name] = _weight(name, weight) if is_weighted else 1.0
        return weights


@dataclass(frozen=True)
class PairsConfig(_Checked):
    """Pairs of a file in place of a novel's; `pairs` is None for a novel. In a run directory the paths are relative to it."""

    pairs: str | None = option(
        None,
        "不用小说，用任意文本对：每行 源、制表符、目标，UTF-8 | any pairs instead of a novel: source TAB "
        "target, one pair a line, UTF-8",
    )
    valid_pairs: str | None = option(
        None,
        "验证用的对；不给则从 --pairs 留出约 2% | pairs for validation; default about 2% of "
        "--pairs, held out",
    )
    test_pairs: str | None = option(
        None,
        "测试用的对；不给则再留出约 2%，给了 --valid-pairs 就用它 | pairs for testing; default about "
        "2% more held out, or those of --valid-pairs where given",
    )
    share_vocabulary: bool = option(
        False,
        "源和目标共用一个词表（同一种语言、--copy、连写时用）| one vocabulary for source and "
        "target (the same language, --copy, several paragraphs)",
    )
    source_level: str | None = option(
        None,
        "源按字还是按词，默认同 --level | characters or words of the source; default as --level",
        choices=("char", "word"),
    )


@dataclass(frozen=True)
class ModelConfig(_Checked):
    """The variant, its parts and its sizes. What is None is as the variant has it: `novelgen.models.variants.resolve`."""

    model: str = option(
        "bahdanau",
        "模型变体，自带下面各部分的取值 | the variant; it brings its own choice of the parts below",
        choices=("bahdanau", "luong", "cho", "sutskever", "seq2seq", "lm", "transformer"),
    )
    cell: str | None = option(None, "循环单元 | recurrent cell", choices=("lstm", "gru", "rnn"))
    embedding_size: int = option(
        256,
        "字词向量维数，也是读出层宽度 | width of embeddings and of the readout they are tied to",
        minimum=1,
        maximum=65_536,
    )
    encoder_size: int | None = option(
        None,
        "编码器每个方向的隐层维数，默认双向为解码器的一半，单向与它相同 | hidden size of each encoder "
        "direction; default half the decoder's for two directions, all of it for one",
        minimum=1,
        maximum=65_536,
    )
    encoder_layers: int | None = option(None, "编码器层数 | encoder layers", minimum=1, maximum=16)
    bidirectional: bool | None = option(None, "编码器双向读 | the encoder reads in both directions")
    reverse_source: bool | None = option(None, "把源倒过来读 | the source is read from its end")
    bridge: str | None = option(
        None,
        "解码器的初始状态：编码器末状态原样、其变换、全部状态均值的变换 | the decoder's first state: the "
        "encoder's last ones as they are, a transform of the last, a transform of the mean of all",
        choices=("last", "projected", "mean"),
    )
    context: str | None = option(
        None,
        "解码器怎样看源：只看初始状态、每步同一个向量、注意力 | what the decoder sees of the "
        "source: the first state, one vector at every step, attention",
        choices=("initial", "every-step", "attention"),
    )
    score: str | None = option(
        None, "注意力打分 | attention score", choices=("additive", "dot", "general", "concat")
    )
    input_feeding: bool | None = option(
        None, "把上一步的注意力向量并入输入 | the last attentional vector joins the input"
    )
    copy: bool | None = option(
        None, "指针生成：可以照抄源里的字 | pointer-generator: tokens of the source can be copied"
    )
    coverage: bool | None = option(
        None,
        "覆盖：打分时知道各处已被看过多少 | coverage: the score knows what each place has had so far",
    )
    decoder_size: int = option(
        512, "解码器隐层维数 | hidden size of the decoder", minimum=1, maximum=65_536
    )
    decoder_layers: int | None = option(None, "解码器层数 | decoder layers", minimum=1, maximum=16)
    attention_size: int | None = option(
        None,
        "加性打分的隐层维数，默认解码器的一半 | width of the additive and concat scores; default "
        "half the decoder's",
        minimum=1,
        maximum=65_536,
    )
    dropout: float = option(
        0.3,
        "变分丢弃率；bahdanau 的 LSTM 加性解码器还按两倍（至多一半）丢循环权重 | variational dropout rate; the "
        "LSTM decoder of bahdanau with additive scores drops recurrent weights too, at twice the rate, half at most",
        minimum=0.0,
        maximum=0.95,
    )


@dataclass(frozen=True)
class TrainingConfig(_Checked):
    """The budget, the optimiser and what is watched on the way."""

    epochs: int | None = option(
        None, "训练几轮 | budget in passes over the training pairs", minimum=1
    )
    max_steps: int | None = option(None, "训练几步 | budget in optimiser steps", minimum=1)
    max_minutes: float | None = option(None, "训练几分钟 | budget in minutes", above=0)
    batch_tokens: int = option(
        3200, "每批的目标词元数（含填充）| target tokens of a batch, padding included", minimum=1
    )
    accumulation_steps: int = option(
        1,
        "一批分几份算、梯度相加：省内存，步子不变 | parts that a batch is computed in, gradients added up: "
        "the same step in less memory",
        minimum=1,
    )
    learning_rate: float = option(3e-3, "最高学习率 | peak learning rate", above=0, maximum=1)
    final_learning_rate: float = option(
        0.05,
        "最终学习率与最高学习率之比 | learning rate at the end of the budget, as a share of the peak",
        minimum=0,
        maximum=1,
    )
    warmup_steps: int = option(50, "预热步数 | steps of linear warm-up", minimum=0)
    weight_decay: float = option(
        0.01, "权重衰减 | decoupled weight decay of the weight matrices", minimum=0, maximum=1
    )
    clip_norm: float = option(1.0, "梯度裁剪的范数 | gradients are clipped to this norm", above=0)
    validate_every: int | None = option(
        None,
        "每隔多少步验证一次，默认每轮一次 | steps between validations; default once an epoch",
        minimum=1,
    )
    patience: int = option(
        5, "连续几次验证无进步就停 | stop after this many validations without progress", minimum=1
    )
    save_every: int = option(
        200, "每隔多少步存一次进度 | steps between saves of the progress", minimum=1
    )
    precision: str = option(
        "auto",
        "计算精度，auto 在合适的硬件上用 bfloat16 | arithmetic; auto takes bfloat16 where it is faster",
        choices=PRECISIONS,
    )
    device: str = option("auto", "在哪里算 | where to compute", choices=DEVICES)
    cuda_graph: bool = option(
        False,
        "试验性：常见形状的训练步录成 CUDA graph 重放，只在 CUDA 上 | experimental, CUDA only: steps of "
        "frequent shapes are recorded as CUDA graphs and replayed",
    )
    seed: int = option(1, "随机种子 | random seed", minimum=0, maximum=2**63 - 1)


@dataclass(frozen=True)
class DecodingConfig(_Checked):
    """How the next paragraph is chosen. Every rule is honoured by every decoder."""

    decoder: str = option(
        "sample", "解码方法 | decoding strategy", choices=("sample", "beam", "greedy")
    )
    temperature: float = option(
        0.8,
        "温度：低则稳，高则奇 | below 1 safer, above 1 wilder; near 0 greedy",
        above=0,
        maximum=100,
    )
    top_k: int = option(
        0, "只从最可能的 k 个里选，0 为不限 | keep the k likeliest tokens; 0 is off", minimum=0
    )
    top_p: float = option(
        0.95,
        "只从累计概率达 p 的词元里选 | keep the smallest set with this much probability (nucleus)",
        above=0,
        maximum=1,
    )
    min_p: float = option(
        0.0,
        "舍去概率低于最大者此倍数的词元 | drop tokens below this share of the likeliest one's probability",
        minimum=0,
        maximum=1,
    )
    beam_size: int = option(5, "束宽 | beam size", minimum=1, maximum=1000)
    length_penalty: float = option(
        1.0,
        "长度归一的指数：分数 = 对数概率 / 长度^此数 | score = log-probability / length ** this",
        minimum=0,
        maximum=10,
    )
    num_samples: int = option(
        1,
        "给出几个候选（束搜索为最好的几个）| candidates in one batch (beam: the n best)",
        minimum=1,
        maximum=1000,
        flags=("--n-best",),
    )
    repetition_penalty: float = option(
        1.1,
        "重复惩罚，1 为不罚 | penalty on recently written tokens; 1 is off",
        minimum=1,
        maximum=10,
    )
    repetition_window: int = option(
        32, "重复惩罚看最近几个词元 | how many recent tokens the penalty looks at", minimum=1
    )
    no_repeat_ngram: int = option(
        4,
        "不许重复的 n 元组（标点不计），0 为不限 | no n-gram of this size is written twice, punctuation "
        "not counted; 0 is off",
        minimum=0,
        maximum=100,
    )
    min_length: int = option(4, "至少写几个词元 | fewest tokens of a paragraph", minimum=0)
    max_length: int = option(
        160, "至多写几个词元 | most tokens of a paragraph", minimum=1, maximum=100_000
    )
    paragraphs: int = option(
        1,
        "连写几段，每段成为下一段的源 | paragraphs to write; each becomes the next source",
        minimum=1,
        maximum=1000,
    )
    prefix: str = option("", "要写的段落的开头 | the given opening of the paragraph to write")
    seed: int | None = option(
        None,
        "随机种子，不给则随机并印出 | random seed; drawn and printed when not given",
        minimum=0,
        maximum=2**63 - 1,
    )
    task: str | None = option(
        None,
        "写什么：下一段、上一段（连写则一段段往回写）、原段；默认为 --tasks 的第一个 | what to write: the "
        "next paragraph, the previous one (several go backwards), the same; default the first of the run's --tasks",
        choices=TASKS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_length > self.max_length:
            raise ConfigError(
                f"--min-length {self.min_length} 大于 --max-length {self.max_length}；请调小前者 | "
                "the minimum exceeds the maximum; lower --min-length"
            )
        if self.decoder == "beam" and self.num_samples > self.beam_size:
            raise ConfigError(
                f"--n-best {self.num_samples} 大于 --beam-size {self.beam_size}；请加宽束 | "
                "more candidates than the beam is wide; raise --beam-size"
            )
        if self.decoder == "greedy" and self.num_samples > 1:
            raise ConfigError(
                "--decoder greedy 只有一个结果；要多个候选请用 sample 或 beam | "
                "greedy writes one text; use sample or beam for several candidates"
            )


# The defaults for a run of pairs: a translation is to be likely, may be as short as its source, and repeats what that repeats.
_PAIRS_DECODING = {
    "decoder": "beam",
    "repetition_penalty": 1.0,
    "no_repeat_ngram": 0,
    "min_length": 1,
}
# Further ones unless it samples: they say what sampling chooses from, and would narrow a beam too.
_UNNARROWED = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def decoding_defaults(from_pairs: bool, decoder: str | None = None) -> dict[str, Any]:
    """The defaults of DecodingConfig's fields that the kind of run decides; none for a novel. `decoder` is the one asked for."""
    if not from_pairs:
        return {}
    return {**_PAIRS_DECODING, **({} if decoder == "sample" else _UNNARROWED)}


@dataclass(frozen=True)
class Config:
    """One training run, whole: what `config.json` holds."""

    text: TextConfig = TextConfig()
    data: DataConfig = DataConfig()
    pairs: PairsConfig = PairsConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def from_pairs(self) -> bool:
        """Whether the run learns from the pairs of a file, not from a novel."""
        return self.pairs.pairs is not None

    def replace(self, **values: Any) -> Config:
        """A copy with the named fields, of whichever section, set. Unknown names raise ConfigError."""
        sections = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        for name, section in sections.items():
            own = {key: values.pop(key) for key in list(values) if hasattr(section, key)}
            sections[name] = dataclasses.replace(section, **own)
        if values:
            known = tuple(
                spec.name for section in sections.values() for spec in dataclasses.fields(section)
            )
            validate_choice(next(iter(values)), known, "配置项 configuration")
        return Config(**sections)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data for JSON, section by section."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of `to_dict`; raises ConfigError on an unknown field or a value out of range."""
        flat = {key: value for section in data.values() for key, value in section.items()}
        return cls().replace(**flat)
