import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.mojibake import LineRepair, Repair, count_marks, find_repair

NOVEL = (
    "第一章 渡口\n"
    "船家把缆绳一圈一圈地绕好，回头看了看天色，说：“今晚怕是走不成了。”\n"
    "“那就等到明天。”他在石头上坐下来，从怀里取出半块饼，慢慢地吃着。\n"
    "雨下了一夜，河水涨到门前，没有一个人说话，只听见屋后的狗叫了两声。\n"
    "第二章 对岸\n"
    "天亮的时候，对面山上的灯还没有灭，有人站在那里，向他们挥了挥手。\n"
)


def damage(text, right, wrong):
    """Text in `right` that was read as `wrong`; every byte is something in Windows-1252."""
    data = text.encode(right)
    if wrong != "windows-1252":
        return data.decode(wrong)
    return "".join(bytes((byte,)).decode("cp1252", errors="ignore") or chr(byte) for byte in data)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("gb18030", "windows-1252"),
        ("utf-8", "windows-1252"),
        ("gb18030", "latin-1"),
        ("utf-8", "latin-1"),
        ("utf-8", "cp437"),
        ("gb18030", "koi8-r"),
    ],
)
def test_what_was_read_in_a_wrong_encoding_is_restored(right, wrong):
    garbled = damage(NOVEL, right, wrong)
    diagnosis = find_repair(garbled)
    assert diagnosis is not None
    assert diagnosis.is_possible
    assert diagnosis.repair.right == right
    repair = LineRepair([diagnosis.repair])
    # However the text is cut.
    chunks = (garbled[start : start + 7] for start in range(0, len(garbled), 7))
    assert "".join(repair.chunks(chunks)) == NOVEL
    assert (repair.restored, repair.unrestored) == (6, 0)


def test_what_is_lost_is_measured():
    garbled = NOVEL.encode("utf-8").decode("gbk", errors="ignore")
    diagnosis = find_repair(garbled)
    assert diagnosis is not None
    assert diagnosis.repair == Repair("gb18030", "utf-8")
    assert not diagnosis.is_possible
    assert diagnosis.lost > 0.05


def test_only_the_garbled_lines_are_restored():
    garbled = damage("雨下了一夜，河水涨到门前，没有一个人说话。\n", "gbk", "latin-1")
    mixed = f"{NOVEL}联通\n\n{garbled}"
    diagnosis = find_repair(mixed)
    assert diagnosis is not None
    restored = "".join(LineRepair([diagnosis.repair]).chunks(iter([mixed])))
    assert restored == f"{NOVEL}联通\n\n雨下了一夜，河水涨到门前，没有一个人说话。\n"


def test_a_right_line_stays_though_it_could_be_restored():
    # This in GBK is valid UTF-8.
    assert "小师太只知一事".encode("gbk")[:8].decode("utf-8")
    repair = LineRepair([Repair("gb18030", "utf-8")])
    assert "".join(repair.chunks(iter(["小师太只\n"]))) == "小师太只\n"
    assert repair.restored == 0


@pytest.mark.parametrize(
    "text",
    [
        NOVEL,
        "Un été, près du château, le père François dînait.\n" * 20,
        "Über die Brücke läuft ein großer Hund.\n" * 20,
        "Он шёл по дороге и молчал.\n" * 20,
        "それは雨の降る夜のことだった。\n" * 20,
        "비가 내리는 밤이었다.\n" * 20,
        "",
    ],
)
def test_other_texts_are_left_alone(text):
    assert find_repair(text) is None


def test_marks_of_a_wrong_encoding_are_counted():
    assert count_marks("锟斤拷锟斤拷烫烫烫烫\ufffd\ufffd") == (4, 12)
    assert count_marks("两人斤斤计较，拷问了半日，粥还烫着，烫烫的，曹锟也来了。") == (0, 0)


@given(st.text(alphabet="µÚÒ»ÕÂ锛岄崇灯\u0081\ufffd a\n", max_size=300))
def test_any_text_is_repaired_line_by_line(text):
    found = find_repair(text)
    assert found is None or isinstance(found.repair, Repair)
    for repair in (Repair("windows-1252", "gb18030"), Repair("gb18030", "utf-8")):
        repaired = "".join(LineRepair([repair]).chunks(iter([text])))
        assert repaired.count("\n") == text.count("\n")
