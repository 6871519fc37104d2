"""Which encoding a file is in, decided by evidence: how much of it reads as common Chinese.

Nearly every Big5 file also decodes as GB18030, and the reverse, into nonsense; that a decoder does
not complain proves nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from novelgen.config import validate_choice
from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _

# The 700 commonest characters of Chinese prose old and new, simplified; then those that Traditional
# writes otherwise; then punctuation.
COMMON = frozenset(
    "一了不是人的来他有在道大我这个上中子说得你到去也为那下国出着里和之要家时见就地们年只天以生自"
    "会可又过后好日行老事小此看将都如两心头么起公三便门于儿还面前多等方成而回二与发太长军知分然作"
    "用进学主把对无能没民当同本手十明开马山正听外王高何定问已想些经所相法今话安其先动身全从打者叫"
    "爷走部西东口意文水名因北工点业城理市声却内四才政平关曰她代样路兵张间位实几现使金气力南各处再"
    "重教江但至月新笑表区被入种住官应机师合体产情众化原己做战第向五命万武吃并员立书通常少言女报次"
    "给放边且白别制怎最元领死数性院请物玉海什由连真建宝亲夫往必加总石直场取眼弟风李甚花及若州带府"
    "世百汉度管提任坐更拿神黄难很比接光解清信钱呢果首义早计量交特利省令父八治或娘台倒保酒司候美字"
    "受委房忙即色务县罢半干条杀目展湖空京期士变收未系级云设火望敢议活统兄送传反资件流母朝非德快喜"
    "红飞千称随电共哥告结车包指权科林完品河华许思觉龙形虽术决姐转布备周队号孙阳社求强商曾程银步办"
    "论认宋急近引土似算题米记功远改谁举差基达深每尽古贾故夜怕该闻船跟运青象客营英史待拉落满职规精"
    "它导族服七皇让余左济姑感尚则杨容九式衣礼界单语观广极约赶兴乃六须细齐脸病复忽般阵堂选据照调答"
    "既留拜根写党刀轻句失类造游专组刘守农投宫争双息准惊历团虎持胜集招右臣乐断帝破斯技足考香铁黑爱"
    "联底吾牙离料器始势热越妇参装响段图竟乱整像依晚暗封婆姓质具饭推线节星找增怪居站紧肯刻宗价格况"
    "愿救究尔校初消奶害药木革片鱼苦冲圣藏施罗除脚陈克喝楼切念较派买诗牛际岳胡降属影护宣乡操研低证"
    "僧积识凤食斗仙伤群穿纪顺归茶局妈费孩迎值音示席君吴退易伯村春谢草志背欢列速讲寻哪亦恩善久素亚"
    "支毕查沙型乎诸呼按育啊吗嘛呀哦吧來這個說爲國裏時見們會過後將兩頭麼門於兒還與發長軍進學對無沒"
    "當開馬聽問經話動從爺東點業聲卻內關樣張間實幾現氣處區種應機師體產衆戰萬喫並員書報給邊別領數請"
    "連寶親總場風帶漢黃難錢義計臺務縣罷乾條殺變級雲設議統傳資紅飛稱隨電結車權華許覺龍雖術決轉備隊"
    "號孫陽強銀辦論認題記遠誰舉達盡賈該聞運營滿職規導讓餘濟則楊禮單語觀廣極約趕興須細齊臉復陣選據"
    "調寫黨輕類遊專組劉農宮爭雙準驚歷團勝樂斷鐵愛聯離勢熱婦參裝響圖亂質飯線節緊價況願爾藥魚衝聖羅"
    "腳陳樓較買詩際嶽屬護鄉證積識鳳鬥傷羣紀順歸媽費吳謝歡講尋亞畢諸為裡眾著妳嗎"
    "，。！？：；、“”‘’「」『』《》（）—…　·○"
)

# Byte order marks; UTF-32's begins with UTF-16's, so it comes first.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Big5 is what Windows calls so: plain Big5 has look-alikes (∼ •) for its ～ and ‧.
_CANDIDATES = ("utf-8", "gb18030", "cp950", "utf-16-le", "utf-16-be")
BIG5_NAMES = ("big5", "cp950", "big5hkscs")
"""The codecs for Big5 and its extensions."""
# Where Hong Kong's Big5 has kana, Cyrillic and numbers in circles, cp950 has others of them.
_CP950_KANA = re.compile("[ぁ-ヾА-я①-⑩⑴-⑽々]")
# Bytes: of a sample, of a file that is read as a whole, of what decides between
# the forms of Big5.
_WINDOW = 1 << 16
_WHOLE = 1 << 18
_FAMILY_WINDOW = 1 << 24
# Prose scores 0.75 and more, a wrong decoding 0.05 to 0.2; names, numbers and rare words lower the
# score of a short line.
_PLAUSIBLE = 0.3
# Characters that no text has: what a wrong decoding makes of bytes.
_NEVER = "\x00-\x08\x0e-\x1f\x7f\ufffd\ufffe\uffff"
_NOISE = re.compile(f"[{_NEVER}\x80-\x9f\ue000-\uf8ff]")
# In valid UTF-8 the others are meant: by a font of its own, or by a mistake that can be repaired.
_UTF8_NOISE = re.compile(f"[{_NEVER}]")

_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")

# A run of HZ: pairs of printable ASCII between its marks.
_HZ = re.compile(rb"~\{(?:[!-~]{2})+~\}")

# Encodings whose names are suggested for one that is misspelled.
KNOWN = (
    "utf-8",
    "utf-8-sig",
    "gb18030",
    "gbk",
    "gb2312",
    "big5",
    "big5hkscs",
    "cp950",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "hz",
    "ascii",
    "latin-1",
    "cp1252",
)


def check_encoding(name: str) -> str:
    """The normalised name of a text encoding that was asked for.

    Raises ConfigError for an unknown one, with the nearest name.
    """
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return validate_choice(name, KNOWN, "--encoding")
    is_text = getattr(info, "_is_text_encoding", True)
    if not is_text or info.name in ("undefined", "idna", "punycode"):
        raise ConfigError(
            _("--encoding {name}: not a text encoding; choose one of {choices}").format(
                name=name, choices=", ".join(KNOWN)
            )
        )
    return info.name


def decoder_name(encoding: str) -> str:
    """The codec that reads what a person or a page calls `encoding`, as browsers take the name.

    GB2312 and GBK are read by their superset.
    """
    if encoding in ("gb2312", "gbk", "gb18030"):
        return "gb18030"
    return encoding


def common_share(data: bytes, encoding: str) -> float:
    """How Chinese `data` reads in `encoding`.

    Common characters less five times the damage, as a share of all characters beyond ASCII; 0 for
    text without any of these.
    """
    text = data.decode(encoding, errors="replace")
    foreign = len(text) - sum(map(str.isascii, text))
    if not foreign:
        return 0.0
    common = sum(map(COMMON.__contains__, text))
    return (common - 5 * len(_NOISE.findall(text))) / foreign


def chinese_share(text: str) -> float:
    """Common characters as a share of those beyond ASCII; 0 for text without any of these."""
    foreign = len(text) - sum(map(str.isascii, text))
    if not foreign:
        return 0.0
    return sum(map(COMMON.__contains__, text)) / foreign


def _aligned(window: bytes) -> bytes:
    """The window between its first and last line end, where no character is cut in two."""
    first, last = window.find(b"\n"), window.rfind(b"\n")
    return window[first + 1 : last] if first < last else window


def _windows(file: BinaryIO, size: int) -> list[bytes]:
    """Samples of the file: its start, middle and end, and the first place beyond ASCII.

    A small file is its own sample.
    """
    file.seek(0)
    if size <= _WHOLE:
        return [file.read()]
    # 1. The start, up to its last line end.
    start = file.read(_WINDOW)
    windows = [start[: max(start.rfind(b"\n"), 0) or _WINDOW]]
    # 2. The middle and the end.
    for place in (size // 2, size - _WINDOW):
        file.seek(place)
        windows.append(_aligned(file.read(_WINDOW)))
    # 3. A preface and an afterword in English may be longer than these: look for another script.
    if all(window.isascii() for window in windows):
        file.seek(0)
        while chunk := file.read(1 << 20):
            if not chunk.isascii():
                windows.append(_aligned(chunk))
                break
    return windows


def big5_variant(data: bytes) -> str:
    """Windows' cp950, unless Hong Kong's extension alone reads without damage."""
    # The last character may be cut in two by the window.
    data = data[: data.rfind(b"\n") + 1] or data
    try:
        text = data.decode("cp950")
    except UnicodeDecodeError:
        text = ""
    if text and not _CP950_KANA.search(text):
        return "cp950"
    try:
        data.decode("big5hkscs")
    except UnicodeDecodeError:
        return "cp950"
    return "big5hkscs"


def big5_symbols(text: str) -> str:
    """Text that was decoded as plain Big5 or Hong Kong's, with the symbols that Windows has."""
    return text.translate(_WINDOWS_SYMBOLS)


def _windows_symbols() -> dict[int, str]:
    """What Windows reads where the other codecs for Big5 read a look-alike: ∼ to ～, • to ‧."""
    codes = ("A145", "A14E", "A1C2", "A1E3", "A1F2", "A1F3", "A241", "A242", "A244", "A246", "A247")
    table = {}
    for code in map(bytes.fromhex, codes):
        table[ord(code.decode("big5"))] = code.decode("cp950")
    return table


_WINDOWS_SYMBOLS = _windows_symbols()


def _judge(windows: Sequence[bytes]) -> tuple[float, str]:
    """(score, encoding) of the best candidate; the earlier one when two score alike."""
    total = max(sum(map(len, windows)), 1)
    scored = []
    for order, encoding in enumerate(_CANDIDATES):
        # The mean over the windows, a byte counting alike in all of them.
        score = sum(len(window) * common_share(window, encoding) for window in windows) / total
        scored.append((score, -order, encoding))
    best_score, _order, best_encoding = max(scored)
    return best_score, best_encoding


def best_encoding(data: bytes) -> tuple[float, str]:
    """(how Chinese `data` reads in it, the encoding in which it does so best)."""
    score, encoding = _judge([data])
    if encoding == "cp950":
        encoding = big5_variant(data)
    return score, encoding


def _is_hz(windows: Sequence[bytes]) -> bool:
    """Whether text that is ASCII throughout is Chinese in HZ: ~{ … ~}."""
    return any(
        len(_HZ.findall(window)) >= 2 and common_share(window, "hz") >= _PLAUSIBLE
        for window in windows
    )


def detect_encoding(file: BinaryIO, size: int, name: Path) -> str:
    """The encoding of an open file, by its byte order mark or by how it reads.

    Raises CorpusError, about `name`, for a binary file.
    """
    # 1. A byte order mark leaves no doubt.
    file.seek(0)
    start = file.read(4)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    # 2. What is all ASCII is HZ or else UTF-8 too; anything else is judged by how it reads.
    windows = _windows(file, size)
    if all(window.isascii() and b"\0" not in window for window in windows):
        if _is_hz(windows):
            return "hz"
        return "utf-8"
    score, encoding = _judge(windows)
    if score >= _PLAUSIBLE:
        if encoding == "cp950":
            file.seek(0)
            return big5_variant(file.read(_FAMILY_WINDOW))
        return encoding
    # 3. Not Chinese in any encoding. No text in another script has a zero byte.
    if any(b"\0" in window for window in windows):
        raise CorpusError(
            _("{path}: a binary file, not text; give a .txt, .md or .epub").format(path=name)
        )
    return _without_chinese(name, windows)


def _is_valid_utf8(windows: Sequence[bytes]) -> bool:
    text = ""
    for window in windows:
        try:
            text += window.decode("utf-8")
        except UnicodeDecodeError:  # noqa: PERF203 (a handful of windows)
            return False
    return len(_CONTROL.findall(text)) * 100 <= len(text)


def _without_chinese(path: Path, windows: Sequence[bytes]) -> str:
    """The encoding of a text that is no Chinese prose in any: UTF-8, else GB18030.

    Raises CorpusError when neither makes it readable.
    """
    # Valid UTF-8 is UTF-8, even where an earlier mistake has left marks in place of characters.
    if _is_valid_utf8(windows):
        return "utf-8"
    # A bad byte in a text that is otherwise UTF-8 is reported with its place when the text is read.
    choices = (("utf-8", 0.1, _UTF8_NOISE), ("gb18030", 0.01, _NOISE))
    for encoding, tolerated, noise in choices:
        text = "".join(window.decode(encoding, errors="ignore") for window in windows)
        damage = sum(
            window.decode(encoding, errors="replace").count("\ufffd") for window in windows
        )
        if damage <= tolerated * len(text) and len(noise.findall(text)) * 100 <= len(text):
            return encoding
    raise CorpusError(
        _(
            "{path}: no encoding makes this readable, perhaps it is binary; if it is text, name its"
            " encoding with --encoding"
        ).format(path=path)
    )
