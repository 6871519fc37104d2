import pytest

from novelgen.text.gutenberg import strip_gutenberg

HEADER = (
    "The Project Gutenberg eBook of 吶喊\n\nThis ebook is for anyone.\n\n"
    "*** START OF THE PROJECT GUTENBERG EBOOK 吶喊 ***\n"
)
FOOTER = (
    "*** END OF THE PROJECT GUTENBERG EBOOK 吶喊 ***\n\nUpdated editions follow.\n"
    + "License text. \n" * 30
)
BOOK = "狂人日記\n某君昆仲，今隱其名。\n" * 10


def stripped(text, lines=1, **options):
    removed = []
    rows = text.splitlines(keepends=True)
    chunks = ["".join(rows[start : start + lines]) for start in range(0, len(rows), lines)]
    kept = strip_gutenberg(chunks, lambda rule, piece: removed.append(piece), **options)
    return "".join(kept), "".join(removed)


@pytest.mark.parametrize("lines", [1, 7, 1000])
@pytest.mark.parametrize(
    ("header", "footer"),
    [
        (HEADER, FOOTER),
        (
            HEADER.replace("THE PROJECT", "THIS PROJECT")
            + "\nProduced by Some Body\nand others\n\n",
            FOOTER,
        ),
        (HEADER, "End of the Project Gutenberg EBook of 吶喊, by Lu Xun\n" + FOOTER),
        (HEADER, ""),
        ("", FOOTER),
        ("", "End of the Project Gutenberg EBook of 吶喊, by Lu Xun\nUpdated editions follow.\n"),
    ],
)
def test_header_and_footer_are_removed_and_reported(header, footer, lines):
    assert stripped(header + BOOK + footer, lines, head_size=400) == (BOOK, header + footer)


def test_a_book_that_speaks_of_gutenberg_stays():
    text = BOOK + "他在 Project Gutenberg 上找到了这本书。\n*** START OF 比赛 ***\n" + BOOK
    assert stripped(text, 3) == (text, "")
