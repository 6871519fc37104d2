from novelgen.text.places import HeadingLines


def watched(text, size):
    lines = HeadingLines()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(lines.watch(chunks)) == text
    return lines


def test_headings_are_found_in_their_order_wherever_chunks_end():
    text = "第一章 雪\n第二章 桥\n\n第一章 雪\n他来了。\n　　第二章　桥\n一\n"
    for size in (1, 3, 100):
        lines = watched(text, size)
        found = [lines.find(key) for key in ("第一章雪", "第二章桥", "第一章雪", "第二章桥", "一")]
        assert found == [1, 2, 4, 6, 7]


def test_a_title_that_cleaning_or_joining_changed_is_found_by_its_number():
    assert watched("第一章 雪（求收藏）\n", 9).find("第一章雪") == 1
    assert watched("第一章\n雪\n", 9).find("第一章雪") == 1


def test_what_is_not_there_is_unknown():
    lines = watched("他来了。\n“第一章”\n" + "第" * 500, 9)
    assert lines.find("第一章") is None
