"""Writing in the middle: a paragraph between two, or a few words within one.

Candidates are written forwards, as always, which knows nothing of what follows. So more are written
than are asked for, and each gets the score

    Σ log p(candidate | what stands before) / T + Σ log p(what follows | candidate) / T'

where the T' tokens that follow are read by teacher forcing. It is of the network, with the cache
and the n-gram model where they have a weight; no rule and no temperature has a part in it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from novelgen.config import DecodingConfig
from novelgen.data.tasks import first_tokens, trained_task
from novelgen.decoding.inspection import whole_characters
from novelgen.decoding.results import Generation, Paragraph
from novelgen.decoding.scoring import Reading, read
from novelgen.decoding.session import GenerationSession
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.prompt import clean_prompt
from novelgen.text.tokenizers import EOS

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generator

# Samples that are drawn to choose from, of each task.
_DRAWN = 8
# Lengths that are tried of each, those at which the text that follows is likeliest to begin.
_ENDS = 3


def fill(
    generator: Generator,
    before: str,
    after: str,
    config: DecodingConfig,
    on_token: Callable[[], None],
) -> list[Generation]:
    """The `num_samples` best paragraphs between `before` and `after`, the best one first.

    Half of the candidates are written backwards from `after` where the run has that task.
    `on_token` is called after every token of the candidates. Raises what it raises, and ConfigError
    where one of the texts is none, or the model cannot do it.
    """
    _check(generator, config)
    segments = _segments(generator, before, "--prompt")
    following = _segments(generator, after, "--after")[0]
    # 1. The candidates, each text once.
    forwards = dataclasses.replace(config, task="next", num_samples=_drawn(config))
    session = GenerationSession(generator, before, forwards)
    candidates = _written(session, on_token)
    if "previous" in generator.config.data.task_weights:
        backwards = dataclasses.replace(forwards, task="previous", seed=session.seed)
        candidates += _written(GenerationSession(generator, after, backwards), on_token)
    candidates = _distinct(each for each in candidates if each.text) or candidates[:1]
    # 2. Each after what stands before, and what follows after each.
    paragraphs = [each.paragraphs[0] for each in candidates]
    before_each = [segments] * len(candidates)
    own = _read_after(generator, config, before_each, [each.ids for each in paragraphs])
    before_each = [[*segments, [*_without_end(each.ids), EOS]] for each in paragraphs]
    joins = _read_after(generator, config, before_each, [following] * len(candidates))
    # 3. The best.
    found = [
        dataclasses.replace(
            each,
            prompt=before,
            seed=session.seed,  # that of the request: it draws all candidates again
            paragraphs=[dataclasses.replace(paragraph, score=_mean(written) + _mean(join))],
        )
        for each, paragraph, written, join in zip(candidates, paragraphs, own, joins, strict=True)
    ]
    return _best(found, config.num_samples)


class _Selection(NamedTuple):
    """A paragraph in three parts, in tokens."""

    opening: list[int]
    old: list[int]
    following: list[int]  # with EOS

    @property
    def shortest(self) -> int:
        """Tokens of the opening and the shortest new text."""
        return len(self.opening) + max(len(self.old) // 2, 1)

    @property
    def longest(self) -> int:
        """Tokens of the opening and the longest new text."""
        return len(self.opening) + 2 * len(self.old) + 4


def rewrite(
    generator: Generator,
    before: str,
    paragraph: str,
    start: int,
    stop: int,
    config: DecodingConfig,
    on_token: Callable[[], None],
) -> list[Generation]:
    """The `num_samples` best versions of `paragraph` with other words from `start` to `stop`.

    Fewer where fewer were found. What stands before and behind the selection stays as it is, and
    `before` are the paragraphs before. A new text has between half and twice as many tokens as the
    old one, and a few. `on_token` is as in `fill`. Raises ConfigError for a selection that is none,
    or as `fill`.
    """
    _check(generator, config)
    if config.prefix:
        raise ConfigError(_("--prefix: the opening is what stands before the selection"))
    if not 0 <= start < stop <= len(paragraph):
        message = _("the selection from {start} to {stop} is not within the {count} characters")
        raise ConfigError(message.format(start=start, stop=stop, count=len(paragraph)))
    parts = (paragraph[:start], paragraph[start:stop], paragraph[stop:])
    opening, old, following = (_tokens(generator, part) for part in parts)
    selection = _Selection(opening, old, [*following, EOS])
    # 1. Candidates that are too long, and where each may end.
    longest = dataclasses.replace(
        config,
        task="next",
        num_samples=_drawn(config),
        prefix=parts[0],
        min_length=selection.longest,
        max_length=selection.longest,
    )
    session = GenerationSession(generator, before, longest)
    candidates = _written(session, on_token)
    segments = _segments(generator, before, "--prompt")
    shortened = _shortened(generator, config, segments, candidates, selection)
    # 2. Each with what follows it; of each text the best.
    targets = [[*each.paragraphs[0].ids, *selection.following] for each in shortened]
    readings = _read_after(generator, config, [segments] * len(targets), targets)
    found = []
    for each, target, reading in zip(shortened, targets, readings, strict=True):
        whole = _rewritten(generator, each.paragraphs[0], target, reading, selection)
        words = generator.tokenizer.decode(target[len(opening) : -len(selection.following)])
        text = parts[0] + words + parts[2]
        paragraphs = [dataclasses.replace(whole, text=text)]
        found.append(dataclasses.replace(each, seed=session.seed, paragraphs=paragraphs))
    return _distinct(_best(found, len(found)))[: config.num_samples]


def _shortened(
    generator: Generator,
    config: DecodingConfig,
    segments: list[list[int]],
    candidates: Sequence[Generation],
    selection: _Selection,
) -> list[Generation]:
    """Every candidate with _ENDS ends: where what follows is likeliest to begin."""
    # The probability of what follows is asked for behind the last token too.
    targets = [[*_without_end(each.paragraphs[0].ids), EOS] for each in candidates]
    before_each = [segments] * len(targets)
    readings = _read_after(generator, config, before_each, targets, selection.following[0])
    found = []
    for each, ids, reading in zip(candidates, targets, readings, strict=True):
        ends = [
            end
            for end in range(selection.shortest, len(ids))
            if _may_end(generator, ids[:end], selection)
        ]
        ends.sort(key=reading.watched.__getitem__, reverse=True)
        found += [
            dataclasses.replace(
                each, paragraphs=[dataclasses.replace(each.paragraphs[0], ids=ids[:end])]
            )
            for end in ends[:_ENDS]
        ]
    return found


def _may_end(generator: Generator, ids: list[int], selection: _Selection) -> bool:
    """Whether tokens end in a whole character, with a new text, and not in a doubled mark."""
    is_doubled = ids[-1] == selection.following[0] and generator.vocabulary.is_punctuation[ids[-1]]
    is_new = ids[len(selection.opening) :] != selection.old
    return is_new and not is_doubled and whole_characters(ids) == ids


def _read_after(
    generator: Generator,
    config: DecodingConfig,
    before_each: Sequence[list[list[int]]],
    targets: Sequence[Sequence[int]],
    watched: int = 0,
) -> list[Reading]:
    """Reads targets, each after the segments before it, as the next paragraph."""
    if not targets:
        return []
    data = generator.config.data
    network = generator.network_with(
        config.cache_weight, before_each, generator.manuscript_reader()
    )
    return read(
        generator.model_with(config.ngram_weight, network),
        generator.device,
        [_joined(segments[-data.context_paragraphs :]) for segments in before_each],
        targets,
        first_tokens(data, generator.tokenizer.size)["next"],
        watched,
    )


def _rewritten(
    generator: Generator,
    paragraph: Paragraph,
    target: list[int],
    reading: Reading,
    selection: _Selection,
) -> Paragraph:
    """A paragraph of the tokens of `target`, without its text yet."""
    values = reading.log_probabilities
    begin, end = len(selection.opening), len(target) - len(selection.following)
    return dataclasses.replace(
        paragraph,
        tokens=generator.tokenizer.labels(target),
        ids=target,
        log_probabilities=values.tolist(),
        attention=reading.attention,
        score=float(values[begin:end].mean() + values[end:].mean()),
        finished=True,
        # The rules were those of what was drawn, which was cut.
        ruling=None,
        beam=(),
    )


def _check(generator: Generator, config: DecodingConfig) -> None:
    """Raises ConfigError where the model or the options cannot write in the middle."""
    if generator.config.from_pairs:
        raise ConfigError(_("only a model of a novel writes between two paragraphs"))
    trained_task(generator.config.data, "next")
    if config.paragraphs > 1 or config.task not in (None, "next"):
        raise ConfigError(
            _("between two paragraphs one is written: leave out --paragraphs and --task")
        )


def _drawn(config: DecodingConfig) -> int:
    """How many candidates there are: as many as a decoder can give, but no more than needed."""
    if config.decoder == "greedy":
        return 1
    if config.decoder == "beam":
        return config.beam_size
    return max(config.num_samples, _DRAWN)


def _written(session: GenerationSession, on_token: Callable[[], None]) -> list[Generation]:
    for _draft in session.write():
        on_token()
    return session.generations()


def _tokens(generator: Generator, text: str) -> list[int]:
    """The tokens of a part of a paragraph, cleaned as texts are."""
    return generator.tokenizer.encode("".join(clean_prompt(text, generator.config.text)))


def _segments(generator: Generator, text: str, option_name: str) -> list[list[int]]:
    """The segments of a text in tokens, EOS behind each; raises ConfigError where it has none."""
    segments = clean_prompt(text, generator.config.text)
    if not segments:
        message = _("{option}: the text is empty; give a paragraph of a novel")
        raise ConfigError(message.format(option=option_name))
    return [[*generator.tokenizer.encode(segment), EOS] for segment in segments]


def _without_end(tokens: Sequence[int]) -> list[int]:
    return [token for token in tokens if token != EOS]


def _joined(segments: Sequence[Sequence[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(segments))


def _distinct(generations: Iterable[Generation]) -> list[Generation]:
    """Of several with the same text the first."""
    found: dict[str, Generation] = {}
    for each in generations:
        found.setdefault(each.text, each)
    return list(found.values())


def _mean(reading: Reading) -> float:
    return float(reading.log_probabilities.mean())


def _best(generations: list[Generation], count: int) -> list[Generation]:
    """The generations with the highest scores, the best one first."""
    return sorted(generations, key=lambda each: -each.score)[:count]
