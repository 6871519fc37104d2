import pytest

from novelgen.web.services.manuscript import EditorState, UndoHistory
from novelgen.web.tabs.writing_view import editor_values


@pytest.mark.parametrize(
    ("drafts", "shown"),
    [
        (("", "", "", ""), 1),
        (("船", "", "", ""), 1),
        (("船", "水", "", ""), 2),
        (("", "", "水", ""), 3),
    ],
)
def test_drafts_are_shown_as_far_as_the_last_one_with_text(drafts, shown):
    _, manuscript, result, _, opening, _, _, *rest = editor_values(
        EditorState("渡口", drafts), UndoHistory(), "船"
    )
    assert (manuscript, result, opening) == ("渡口", None, "船")
    assert tuple(rest[:4]) == drafts
    assert [column["visible"] for column in rest[4:]] == [place < shown for place in range(4)]
