"""Files of pairs as what a run learns from: translations, couplets, dialogue, summaries."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novelgen.config import Config, DataConfig, PairsConfig
from novelgen.data.pairs import Pairs, TextPair, read_pairs
from novelgen.data.passages import PassageIndex
from novelgen.data.split import PARTS
from novelgen.data.store import describe_pairs
from novelgen.errors import CheckpointError, ConfigError, CorpusError
from novelgen.i18n import _, join_list, ngettext
from novelgen.os_errors import reason_of
from novelgen.text.tokenizers import Tokenizer
from novelgen.text.vocabulary import SymbolCounts
from novelgen.text.words import UserWord, read_user_dict, spaced_word_cutter

# How many of the different sources are held out, for each part.
_HELD_OUT_SHARE = 0.02
_MOST_HELD_OUT = 2000


@dataclass(frozen=True)
class PairFiles:
    """One to three files of pairs, by part, and the tokenizers of their two sides.

    Where the sides share a vocabulary the two tokenizers are one object. A file is read whenever
    its pairs are asked for, and must still have the hash in `content`.
    """

    files: Mapping[str, Path]
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer
    content: Mapping[str, str]

    @classmethod
    def learn(cls, data: DataConfig, options: PairsConfig) -> PairFiles:
        """The files that `options` name, with vocabularies of their training part.

        Raises CorpusError and ConfigError.
        """
        files = files_of(options)
        content = {part: _hash(path) for part, path in files.items()}
        pairs = _pairs_of(files, "train")
        source_level = options.source_level or data.tokenizer
        if data.user_dict and "word" not in (data.tokenizer, source_level):
            raise ConfigError(_("--user-dict is for --level word or --source-level word only"))
        user_words = read_user_dict(data.user_dict) if data.user_dict else []
        # The held-out parts have no say in the vocabulary.
        target_lines = (pair[1] for pair in pairs)
        source_lines = (segment for pair in pairs for segment in pair[0])
        targets = _counts(target_lines, data.tokenizer, user_words)
        sources = _counts(source_lines, source_level, user_words)
        if options.share_vocabulary:
            targets.add(sources)
            tokenizer = targets.tokenizer(data, user_words)
            return cls(files, tokenizer, tokenizer, content)
        source_data = dataclasses.replace(data, tokenizer=source_level)
        return cls(
            files,
            targets.tokenizer(data, user_words),
            sources.tokenizer(source_data, user_words),
            content,
        )

    # Files that are too small to hold some pairs out are refused.
    holds_out = True

    @property
    def columns(self) -> int:
        """How many segments a source has at most."""
        with self.files["train"].open(encoding="utf-8-sig") as file:
            return file.readline().count("\t")

    def pairs(self, part: str) -> Pairs:
        """The pairs of "train", "valid" or "test".

        Raises CheckpointError for a file that is gone or has changed.
        """
        return Pairs.from_texts(self._texts(part), self.tokenizer, self.source_tokenizer)

    def by_task(self, part: str) -> dict[str, Pairs]:
        """The pairs of a part by task: files of pairs have one."""
        return {"next": self.pairs(part)}

    def training(self) -> Pairs:
        """What a model is trained on."""
        return self.pairs("train")

    def targets(self, part: str) -> Iterator[str]:
        """The targets of a part."""
        return (pair[1] for pair in self._texts(part))

    def passages(self) -> PassageIndex:
        """Where each passage of the training targets stands."""
        return PassageIndex.build(self.targets("train"))

    def summary(self) -> str:
        """The files in figures, as lines for a person."""
        texts = {part: self._texts(part) for part in PARTS}
        names = join_list(path.name for path in dict.fromkeys(self.files.values()))
        counts = {part: len(pairs) for part, pairs in texts.items()}
        lines = [
            _("files: {names}").format(names=names),
            describe_pairs(counts),
            self._split_line(),
        ]
        # Files of their own may share sources, and then the validation is too good.
        known = {tuple(pair[0]) for pair in texts["train"]}
        in_both = len(known & {tuple(pair[0]) for pair in texts["valid"]})
        if in_both:
            lines.append(
                ngettext(
                    "{count:,} source of the validation part is in the training part too",
                    "{count:,} sources of the validation part are in the training part too",
                    in_both,
                ).format(count=in_both)
            )
        return "\n".join([*lines, *self._vocabulary_lines()])

    def _split_line(self) -> str:
        """Where the validation and test parts come from."""
        if "valid" not in self.files:
            return _("split: held out of the training file by a hash of the source")
        if "test" not in self.files:
            return _("split: the test part is the validation part")
        return _("split: each part has its own file")

    def _vocabulary_lines(self) -> list[str]:
        """The sizes of the vocabularies, one line for each."""
        target = describe_vocabulary(self.tokenizer)
        if self.tokenizer is self.source_tokenizer:
            return [_("vocabulary of both sides: {size}").format(size=target)]
        source = describe_vocabulary(self.source_tokenizer)
        return [
            _("vocabulary of the source: {size}").format(size=source),
            _("vocabulary of the target: {size}").format(size=target),
        ]

    def configured(self, config: Config, directory: Path) -> Config:
        """The configuration of a run in `directory`, to which the paths become relative."""
        paths: dict[str, Any] = {
            name: os.path.relpath(self.files[part], directory)
            for part, name in _FIELDS.items()
            if part in self.files
        }
        # What a novel's option decides is in the file here: the segments of a source.
        data = dataclasses.replace(config.data, context_paragraphs=self.columns)
        pairs = dataclasses.replace(config.pairs, **paths)
        return dataclasses.replace(config, data=data, pairs=pairs)

    def info(
        self,
        directory: Path,  # noqa: ARG002 - Novel, the other kind of data, needs it
    ) -> dict[str, Any]:
        """What config.json says of it besides the configuration."""
        return {"content": dict(self.content)}

    def _texts(self, part: str) -> list[TextPair]:
        """The pairs of a part, from a file that is still what the run was trained on."""
        for name in {_file_for(self.files, part)} & set(self.content):
            if not self.files[name].exists():
                raise CheckpointError(
                    _(
                        "{path}: the pairs of the run are gone; put them back, or evaluate with "
                        "--pairs"
                    ).format(path=self.files[name])
                )
            if _hash(self.files[name]) != self.content[name]:
                raise CheckpointError(
                    _(
                        "{path}: no longer what the run was trained on; put the original back"
                    ).format(path=self.files[name])
                )
        return _pairs_of(self.files, part)


# The field of PairsConfig that names the file of each part.
_FIELDS = {"train": "pairs", "valid": "valid_pairs", "test": "test_pairs"}


def describe_vocabulary(tokenizer: Tokenizer) -> str:
    """The size of a vocabulary and what it holds, for a person."""
    if tokenizer.kind == "word":
        return _("{count:,} (words)").format(count=tokenizer.size)
    return _("{count:,} (characters)").format(count=tokenizer.size)


def files_of(options: PairsConfig, directory: Path = Path()) -> dict[str, Path]:
    """The files of a configuration, by part; their paths are relative to `directory`."""
    return {
        part: directory / path
        for part, name in _FIELDS.items()
        if (path := getattr(options, name)) is not None
    }


def _file_for(files: Mapping[str, Path], part: str) -> str:
    """The part whose file holds the pairs of `part`."""
    if part in files:
        return part
    # The test part is the validation's where it has no file of its own.
    if "valid" in files:
        return "valid"
    return "train"


def _pairs_of(files: Mapping[str, Path], part: str) -> list[TextPair]:
    name = _file_for(files, part)
    pairs = read_pairs(files[name])
    # The parts that are taken from the training file, because there is none of their own.
    held_out = [each for each in ("valid", "test") if _file_for(files, each) == "train"]
    if name != "train" or not held_out:
        return pairs
    return hold_out(pairs, held_out, files[name])[part]


def hold_out(
    pairs: Sequence[TextPair], parts: Sequence[str], path: Path
) -> dict[str, list[TextPair]]:
    """The pairs by part: a fixed small share for each of `parts`, the others for "train".

    Equal sources stay together. Which ones are held out is decided by a hash of their text. Raises
    CorpusError when there are too few.
    """
    # 1. The different sources in an order that depends on nothing but their text.
    keys = ["\t".join(pair[0]) for pair in pairs]
    sources = sorted(set(keys), key=_order_of)

    # 2. So many of them for each part, from the first on.
    count = min(max(1, round(_HELD_OUT_SHARE * len(sources))), _MOST_HELD_OUT)
    if len(sources) <= count * len(parts):
        raise CorpusError(
            ngettext(
                "{path}: only {count} different source, too few to hold some out; "
                "give --valid-pairs",
                "{path}: only {count} different sources, too few to hold some out; "
                "give --valid-pairs",
                len(sources),
            ).format(path=path, count=len(sources))
        )
    where = {
        source: part
        for place, part in enumerate(parts)
        for source in sources[place * count : (place + 1) * count]
    }

    # 3. All pairs, in the order of the file.
    found: dict[str, list[TextPair]] = {part: [] for part in ("train", *parts)}
    for key, pair in zip(keys, pairs, strict=True):
        found[where.get(key, "train")].append(pair)
    return found


def _order_of(source: str) -> bytes:
    """What the different sources are sorted by: a hash of the text."""
    return hashlib.blake2b(source.encode(), digest_size=8).digest()


def _counts(lines: Iterator[str], level: str, user_words: Sequence[UserWord]) -> SymbolCounts:
    """The counts of the symbols of some lines, for a vocabulary of the level "char" or "word"."""
    cut = spaced_word_cutter(tuple(user_words)) if level == "word" else None
    return SymbolCounts.of("\n".join(lines), cut)


def _hash(path: Path) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise CorpusError(
            _("{path}: cannot be read: {reason}").format(path=path, reason=reason_of(error))
        ) from None
