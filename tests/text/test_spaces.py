import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.spaces import stray_spaces


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A scan: a space between any two characters.
        ("掌 灯 的 人 走 了，雪 落 满 了 台 阶。", "掌灯的人走了，雪落满了台阶。"),
        ("老 人 问：“谁 在 外 面？”", "老人问：“谁在外面？”"),
        # A copied page: a space here and there.
        ("掌灯的人走 了， 雪落满了 台阶。", "掌灯的人走了，雪落满了台阶。"),
        ("老人问： “谁在 外面？”", "老人问：“谁在外面？”"),
        ("　　掌灯的 人走了。", "　　掌灯的人走了。"),
    ],
)
def test_stray_spaces_go(before, after):
    assert stray_spaces(before) == after


@pytest.mark.parametrize(
    "line",
    [
        "收音机里唱着 Moon River 和 Blue Moon，老人听了一夜。",
        "第 3 章还没有写完，共 12 页。",
        # Verses, and lists of items.
        "风吹旧渡口 雨打石栏杆",
        "墙上题着：风吹旧渡口 雨打石栏杆。",
        "名单上有三个人：张三 李四 王小五，都没有来。",
        "张三 李四 王五",
        # Headings, and what marks one.
        "第三回 掌灯人夜走石桥，守塔人晓闻钟声 上",
        "# 灯，或者 雪",
        # Wide gaps and full-width spaces mean something.
        "掌灯的人走了，雪落满了　台阶。",
        "掌灯的人走了，雪落满了    台阶。",
        "掌灯的人走了，雪落满了\t台阶。",
    ],
)
def test_spaces_that_are_meant_stay(line):
    assert stray_spaces(line) == line


@given(st.text(alphabet="一二三，。：“” 　\tab1第章#\n", max_size=60))
def test_nothing_but_spaces_goes(text):
    done = stray_spaces(text)
    assert done.replace(" ", "") == text.replace(" ", "")
    assert "\n".join(map(stray_spaces, text.split("\n"))) == done


def test_time_is_linear_in_the_length_of_a_line():
    start = time.process_time()
    stray_spaces("一 二，" * 33_000)
    stray_spaces("，" + "一 " * 50_000)
    assert time.process_time() - start < 2
