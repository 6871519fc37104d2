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
from novelgen.data.split import PARTS
from novelgen.errors import CheckpointError, ConfigError, CorpusError
from novelgen.text.tokenizers import Tokenizer
from novelgen.text.vocabulary import SymbolCounts
from novelgen.text.words import UserWord, read_user_dict, spaced_word_cutter

_HELD_OUT_SHARE, _MOST_HELD_OUT = 0.02, 2000  # of the different sources, for each part
_LEVELS = {"char": "按字 characters", "word": "按词 words"}


@dataclass(frozen=True)
class PairFiles:
    """One to three files of pairs, by part, and the tokenizers of their sides, which are one object where they share one.

    A file is read whenever its pairs are asked for, and must still have the hash in `content`.
    """

    files: Mapping[str, Path]
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer
    content: Mapping[str, str]

    @classmethod
    def learn(cls, data: DataConfig, options: PairsConfig) -> PairFiles:
        """The files that `options` name, with vocabularies of their training part. Raises CorpusError and ConfigError."""
        files = files_of(options)
        content = {part: _hash(path) for part, path in files.items()}
        pairs = _pairs_of(files, "train")
        source_level = options.source_level or data.tokenizer
        if data.user_dict and "word" not in (data.tokenizer, source_level):
            raise ConfigError(
                "--user-dict 只用于按词 | --user-dict is for --level word or --source-level word only"
            )
        user_words = read_user_dict(data.user_dict) if data.user_dict else []
        targets = _counts((target for _, target in pairs), data.tokenizer, user_words)
        sources = _counts(
            (segment for source, _ in pairs for segment in source), source_level, user_words
        )
        if options.share_vocabulary:
            targets.add(sources)
        tokenizer = targets.tokenizer(data, user_words)
        own = dataclasses.replace(data, tokenizer=source_level)
        return cls(
            files,
            tokenizer,
            tokenizer if options.share_vocabulary else sources.tokenizer(own, user_words),
            content,
        )

    @property
    def columns(self) -> int:
        """How many segments a source has at most."""
        with self.files["train"].open(encoding="utf-8-sig") as file:
            return file.readline().count("\t")

    def pairs(self, part: str) -> Pairs:
        """The pairs of "train", "valid" or "test". Raises CheckpointError for a file that is gone or has changed."""
        return Pairs.from_texts(self._texts(part), self.tokenizer, self.source_tokenizer)

    def by_task(self, part: str) -> dict[str, Pairs]:
        """The same: pairs have one task."""
        return {"next": self.pairs(part)}

    def training(self) -> Pairs:
        """What a model is trained on."""
        return self.pairs("train")

    def targets(self, part: str) -> Iterator[str]:
        """The targets of a part."""
        return (target for _, target in self._texts(part))

    def summary(self) -> str:
        """What there is, as lines for a person."""
        texts = {part: self._texts(part) for part in PARTS}
        sources = {
            part: {tuple(source) for source, _ in texts[part]} for part in ("train", "valid")
        }
        both = len(sources["train"] & sources["valid"])
        split = (
            "训练文件里按源的散列留出 held out by a hash of the source"
            if "valid" not in self.files
            else "测试就用验证的 the test part is the validation part"
            if "test" not in self.files
            else "各自的文件 files of their own"
        )
        if both:
            split += f"；验证的源有 {both:,} 个也在训练里 sources of the validation are in the training part too"
        shared = self.tokenizer is self.source_tokenizer
        sides = (
            {"源 source": self.source_tokenizer, "目标 target": self.tokenizer}
            if not shared
            else {"共用 shared": self.tokenizer}
        )
        return "\n".join(
            [
                f"文件 files       {'，'.join(path.name for path in dict.fromkeys(self.files.values()))}",
                "对 pairs         " + "，".join(f"{part} {len(texts[part]):,}" for part in PARTS),
                f"划分 split       {split}",
                "词表 vocabulary  "
                + "；".join(
                    f"{name} {_LEVELS[each.kind]} {each.size:,}" for name, each in sides.items()
                ),
            ]
        )

    def configured(self, config: Config, directory: Path) -> Config:
        """The configuration of a run in `directory`, to which the paths become relative."""
        paths = {
            name: os.path.relpath(self.files[part], directory)
            for part, name in _FIELDS.items()
            if part in self.files
        }
        data = dataclasses.replace(config.data, context_paragraphs=self.columns)
        return dataclasses.replace(
            config, data=data, pairs=dataclasses.replace(config.pairs, **paths)
        )

    def info(self, directory: Path) -> dict[str, Any]:
        """What config.json says of it besides the configuration."""
        return {"content": dict(self.content)}

    def _texts(self, part: str) -> list[TextPair]:
        for name in {_file_for(self.files, part)} & set(self.content):
            if not self.files[name].exists():
                raise CheckpointError(
                    f"{self.files[name]}：训练用的对不在了；请放回，或用 --pairs 评测 | the pairs of the run are gone; "
                    "put them back, or evaluate with --pairs"
                )
            if _hash(self.files[name]) != self.content[name]:
                raise CheckpointError(
                    f"{self.files[name]}：已不是训练时的样子；请放回原来的 | not what the run was trained on any more; "
                    "put the original back"
                )
        return _pairs_of(self.files, part)


_FIELDS = {"train": "pairs", "valid": "valid_pairs", "test": "test_pairs"}


def files_of(options: PairsConfig, directory: Path = Path()) -> dict[str, Path]:
    """The files of a configuration, by part; their paths are relative to `directory`."""
    return {
        part: directory / path
        for part, name in _FIELDS.items()
        if (path := getattr(options, name)) is not None
    }


def _file_for(files: Mapping[str, Path], part: str) -> str:
    """Of which part the file is that holds the pairs of `part`."""
    return part if part in files else "valid" if "valid" in files else "train"


def _pairs_of(files: Mapping[str, Path], part: str) -> list[TextPair]:
    name = _file_for(files, part)
    pairs = read_pairs(files[name])
    held_out = [each for each in ("valid", "test") if _file_for(files, each) == "train"]
    return hold_out(pairs, held_out, files[name])[part] if name == "train" and held_out else pairs


def hold_out(
    pairs: Sequence[TextPair], parts: Sequence[str], path: Path
) -> dict[str, list[TextPair]]:
    """The pairs by part: a fixed small share for each of `parts`, the others for "train"; equal sources stay together.

    Which sources are held out is decided by a hash of their text. Raises CorpusError when there are too few.
    """
    keys = ["\t".join(source) for source, _ in pairs]
    sources = sorted(
        set(keys), key=lambda key: hashlib.blake2b(key.encode(), digest_size=8).digest()
    )
    count = min(max(1, round(_HELD_OUT_SHARE * len(sources))), _MOST_HELD_OUT)
    if len(sources) <= count * len(parts):
        raise CorpusError(
            f"{path}：不同的源只有 {len(sources)} 个，不够留出一些来验证；请用 --valid-pairs 另给 | only {len(sources)} "
            "different sources, too few to hold some out; give --valid-pairs"
        )
    where = {
        source: part
        for place, part in enumerate(parts)
        for source in sources[place * count : (place + 1) * count]
    }
    found: dict[str, list[TextPair]] = {part: [] for part in ("train", *parts)}
    for key, pair in zip(keys, pairs, strict=True):
        found[where.get(key, "train")].append(pair)
    return found


def _counts(lines: Iterator[str], level: str, user_words: Sequence[UserWord]) -> SymbolCounts:
    return SymbolCounts.of(
        "\n".join(lines), spaced_word_cutter(tuple(user_words)) if level == "word" else None
    )


def _hash(path: Path) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise CorpusError(
            f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
        ) from None
