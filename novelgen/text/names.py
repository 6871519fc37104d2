"""Names and other new words of a text, for a user dictionary that a person looks over.

A word is what holds together and stands freely: its parts occur together far more often than by
chance (mutual information), and on both sides of it stands now this, now that (branching entropy;
Jin and Tanaka-Ishii, 2006). Of these, names are what the segmenter tags so (nr) or what somebody
does who has a name (she speaks, he laughs); the others are listed if the segmenter's dictionary
does not have them. Characters that grammar and tales use everywhere are in no name here: that costs
a few names, and without it half of the list would be turns of phrase.

N characters of the text, all but Chinese ones being marks; V different ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.text.tokenizers import code_points
from novelgen.text.user_words import Tagger

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

_LENGTHS = (2, 3, 4)
_BITS = 15  # of a character's place among those of the text: up to 4 of them in an int64
# A word occurs at least so often: once in so many characters, between these bounds.
_CHARACTERS_PER_OCCURRENCE = 40_000
_FEWEST, _MOST = 5, 20
_LEAST_INFORMATION = 4.0  # bits, at the weakest place within the word
_LEAST_ENTROPY = 1.5  # bits, on either side
# Of what stands behind a name, the share that is what a person does.
_LEAST_DEEDS = 0.12
_LEAST_TAGGED = 0.15
_TAGGED_CHARACTERS = 3_000_000  # of which tags are counted
_MARK = 0  # the place of all that is no Chinese character

# Characters of grammar, of number and place, of speech and movement: in hardly any name.
_COMMON = frozenset(
    "的了着过是在有和与及把被给将对向从往到于就都也又还再才便只却不没无未别很太更最这那哪此其之"
    "他她它你我您咱们谁何什么怎样么吗呢吧啊呀罢哩罗嘛一二两三四五六七八九十百千万几个位些每各"
    "说道笑问听见看想叫喊骂哭答应告诉知觉认得来去走进出回起坐站拿放打开要能会可肯敢该须让使令"
    "做作为因所以而且但若如果虽则即既并或者乃亦矣焉哉乎者曰云前后上下里内外边面时候今昨明年月"
    "日天夜早晚忽然忙正已曾等等些多少大小好坏真只此自己身手眼头口心话事儿当同跟比像似连吃喝请"
    "死活送用找带成完先如仍竟遂且故吾汝尔俺咧哟某皆尽非第半点声次番件块众余引纵挺"
)
# What a person does right behind the own name.
_DEEDS = frozenset("道说笑听见忙便因问答叹想看又也只心却哭骂叫喝走坐站接拿点摇冷连将")
# What the segmenter's dictionary takes for places.
_NO_PLACES = frozenset(["东西", "哥哥", "英雄", "美丽", "爱国", "青春", "朝廷"])
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田"
    "杜丁沈姜范傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷龙段郝孔邵史毛顾赖武康贺严尹"
    "钱施牛洪龚汤陶黎温莫易樊乔安殷颜庄章鲁倪庞邢俞翟蓝聂齐向葛柴伍覃骆关焦柳欧祝纪尚毕耿芦左"
    "季管符辛苗詹曲欧靳祁路涂兰甘裴梅童翁霍游阮尤岳柯牟滕谷舒卜饶宁凌盛查单冉鲍华包屈房喻解蒲卫"
    "简时连车项闵邬吉党阳司费蒙席晏隋古强穆姬申佟栾冷桂柏宗"
    "趙張劉陳楊黃吳孫馬鄭羅謝韓許鄧蕭馮曾呂蔣葉閻賈鄒譚陸龐關諸"
)
_DOUBLE_SURNAMES = ("诸葛", "司马", "欧阳", "上官", "夏侯", "慕容", "令狐", "皇甫", "公孙", "东方")


class Name(NamedTuple):
    """A word to keep whole."""

    word: str
    times: int  # that it occurs
    tag: str  # jieba's: nr of a person's name, ns of a place's, nz of another new word


class _Grams(NamedTuple):
    """The different grams of one length that consist of Chinese characters."""

    codes: Int64s  # (G,) ascending
    counts: Int64s  # (G,)


def find_names(texts: Iterable[str], tag: Tagger, is_known: Callable[[str], bool]) -> list[Name]:
    """The names and new words of texts, the most frequent ones first.

    `is_known` says whether the segmenter's dictionary has a word.
    """
    # 1. All grams, and those that may be words.
    # The end of the last line is there so that a text has a mark at least.
    text = "".join(f"{line}\n" for line in texts)
    points = code_points(text)  # (N,)
    known_points, ids = _numbered(points)
    grams = {length: _grams(ids, length) for length in (1, *_LENGTHS)}
    chinese = int(grams[1].counts.sum())
    least = min(max(_FEWEST, chinese // _CHARACTERS_PER_OCCURRENCE), _MOST)
    is_common = np.isin(known_points, [ord(each) for each in _COMMON])
    found: dict[str, tuple[int, float]] = {}
    for length in _LENGTHS:
        for code, count, deeds in _words(ids, grams, length, least, is_common, known_points):
            found[_decoded(code, length, known_points)] = (count, deeds)
    # 2. Which of them are names, by the tags and by what stands behind.
    tagged = _tagged(text, tag)
    share = min(1.0, _TAGGED_CHARACTERS / max(len(text), 1))
    names = []
    for word, (count, deeds) in found.items():
        is_tagged = tagged["nr", word] >= _LEAST_TAGGED * count * share
        is_person = deeds >= _LEAST_DEEDS
        # Of the words that the dictionary has, some are tagged as names for no reason.
        if is_known(word):
            if (is_tagged and _has_surname(word)) or (
                is_person and (is_tagged or tagged["nz", word])
            ):
                names.append(Name(word, count, "nr"))
            elif (tagged["ns", word] or tagged["nt", word]) and word not in _NO_PLACES:
                names.append(Name(word, count, "ns"))
        elif is_tagged or is_person:
            names.append(Name(word, count, "nr"))
        else:
            names.append(Name(word, count, "nz"))
    return sorted(names, key=lambda name: (-name.times, name.word))


def _has_surname(word: str) -> bool:
    """Whether a word begins with a surname; 孙子 and 胡子 are none."""
    if word.endswith("子") and len(word) == 2:
        return False
    return word[0] in _SURNAMES or word.startswith(_DOUBLE_SURNAMES)


def _numbered(points: NDArray[np.uint32]) -> tuple[Int64s, Int64s]:
    """The Chinese characters of a text (V,), those of no place being 0, and each place's (N,)."""
    is_chinese = (points >= 0x3400) & (points <= 0x9FFF)
    known, inverse = np.unique(
        np.where(is_chinese, points, 0).astype(np.int64), return_inverse=True
    )
    return known, inverse


def _codes(ids: Int64s, length: int) -> Int64s:
    """The code of the gram that begins at each place (N − length + 1,); -1 where it has a mark."""
    size = max(len(ids) - length + 1, 0)
    codes = np.zeros(size, np.int64)
    has_mark = np.zeros(size, np.bool_)
    for offset in range(length):
        part = ids[offset : offset + size]
        codes = codes << _BITS | part
        has_mark |= part == _MARK
    codes[has_mark] = -1
    return codes


def _grams(ids: Int64s, length: int) -> _Grams:
    codes = _codes(ids, length)
    return _Grams(*np.unique(codes[codes >= 0], return_counts=True))


def _words(
    ids: Int64s,
    grams: dict[int, _Grams],
    length: int,
    least: int,
    is_common: NDArray[np.bool_],
    known_points: Int64s,
) -> Iterable[tuple[int, int, float]]:
    """(code, count, share of deeds behind it) of the grams that hold together and stand freely."""
    # 1. Often enough, and of characters that names have.
    codes, counts = grams[length]
    is_candidate = counts >= least
    for offset in range(length):
        is_candidate &= ~is_common[codes >> _BITS * offset & (1 << _BITS) - 1]
    codes, counts = codes[is_candidate], counts[is_candidate]
    is_cohesive = _information(codes, counts, grams, length) >= _LEAST_INFORMATION
    codes, counts = codes[is_cohesive], counts[is_cohesive]
    if not len(codes):
        return
    # 2. Where each of them stands, and what is on both sides.
    all_codes = _codes(ids, length)
    found = np.minimum(np.searchsorted(codes, all_codes), len(codes) - 1)
    places = np.flatnonzero(codes[found] == all_codes)
    owners = found[places]
    padded = np.concatenate([[_MARK], ids, [_MARK]])
    before, behind = padded[places], padded[places + length + 1]
    freedom = np.minimum(_entropy(owners, before, len(codes)), _entropy(owners, behind, len(codes)))
    is_deed = np.isin(known_points, [ord(each) for each in _DEEDS])[behind]
    deeds = np.bincount(owners, is_deed, len(codes)) / counts
    for place in np.flatnonzero(freedom >= _LEAST_ENTROPY):
        yield int(codes[place]), int(counts[place]), float(deeds[place])


def _information(codes: Int64s, counts: Int64s, grams: dict[int, _Grams], length: int) -> Float64s:
    """log₂ p(ab) / (p(a) p(b)) of the weakest cut into two parts a and b: (G,)."""
    total = grams[1].counts.sum()
    weakest = np.full(len(codes), np.inf)
    for right in range(1, length):
        a = _count(grams[length - right], codes >> _BITS * right)
        b = _count(grams[right], codes & (1 << _BITS * right) - 1)
        weakest = np.minimum(weakest, np.log2(counts * (total / a / b)))
    return weakest


def _count(grams: _Grams, codes: Int64s) -> Int64s:
    """How often grams, all of which occur, do: (G,)."""
    return grams.counts[np.searchsorted(grams.codes, codes)]


def _entropy(owners: Int64s, neighbours: Int64s, size: int) -> Float64s:
    """The entropy in bits of what stands beside each of `size` words; every mark is another."""
    is_mark = neighbours == _MARK
    codes = owners[~is_mark] << _BITS | neighbours[~is_mark]
    kinds, counts = np.unique(codes, return_counts=True)
    totals = np.bincount(owners, minlength=size)
    # Σ −n/N log₂ n/N = log₂ N − Σ n log₂ n / N; a mark is a neighbour with n = 1.
    weighted = np.bincount(kinds >> _BITS, counts * np.log2(counts), size)
    entropy: Float64s = np.log2(np.maximum(totals, 1)) - weighted / np.maximum(totals, 1)
    return entropy


def _decoded(code: int, length: int, known_points: Int64s) -> str:
    places = [code >> _BITS * offset & (1 << _BITS) - 1 for offset in reversed(range(length))]
    return "".join(chr(known_points[place]) for place in places)


def _tagged(text: str, tag: Tagger) -> Counter[tuple[str, str]]:
    """How often each word has each tag: (tag, word) → count."""
    counts: Counter[tuple[str, str]] = Counter()
    # Evenly spread lines: a name may occur in one half of a novel alone.
    lines = text.split("\n")
    step = max(1, round(len(text) / _TAGGED_CHARACTERS))
    for line in lines[::step]:
        counts.update((part, word) for word, part in tag(line))
    return counts


def to_user_dict(names: Sequence[Name], heading: str) -> str:
    """The text of a user dictionary: a word and its tag a line, its count as a comment."""
    lines = [f"# {line}" for line in heading.split("\n")]
    lines += [f"{name.word} {name.tag}\t# {name.times}" for name in names]
    return "\n".join(lines) + "\n"
