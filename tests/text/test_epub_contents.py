from novelgen.text.epub_contents import Entry, name_chapters, read_contents


def point(title, href):
    return f"<navPoint><navLabel><text>{title}</text></navLabel><content src='{href}'/></navPoint>"


def test_the_entries_of_an_ncx_file_are_read_in_their_order():
    text = f"<ncx><navMap>{point('风起', 'a.xhtml')}{point('云涌', 'b.xhtml#p2')}</navMap></ncx>"
    assert read_contents(text) == [
        Entry("风起", "a.xhtml", ""),
        Entry("云涌", "b.xhtml", "p2"),
    ]


def test_the_table_of_contents_comes_before_lists_of_pages_and_landmarks():
    text = (
        '<nav epub:type="landmarks"><a href="c.xhtml">封面</a></nav>'
        '<nav epub:type="toc"><a href="a.xhtml">风<b>起</b></a></nav>'
    )
    assert read_contents(text) == [Entry("风起", "a.xhtml", "")]


def test_a_paragraph_is_no_title():
    long = point("他走了很远的路，" * 20, "a.xhtml")
    assert read_contents(f"<ncx>{long}{point('云涌', 'b.xhtml')}</ncx>") == [
        Entry("云涌", "b.xhtml", "")
    ]


def test_a_title_that_the_text_has_is_not_written_twice():
    entries = [Entry("风起", "a.xhtml", ""), Entry("云涌", "a.xhtml", "p2")]
    lines = ["# 风起", "船来了。", "水落了。", "人散了。", "灯灭了。", "月出了。"]
    named = name_chapters(lines, {"p2": 3}, entries)
    assert [line for line in named if line.startswith("#")] == ["# 风起", "# 云涌"]
    assert named.index("# 云涌") == 3
