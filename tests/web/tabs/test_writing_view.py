import pytest

from novelgen.web.services.manuscript import EditorState, UndoHistory
from novelgen.web.tabs.writing_state import Editor
from novelgen.web.tabs.writing_view import editor_changes


@pytest.mark.parametrize(
    ("drafts", "shown"),
    [
        (("", "", "", ""), 1),
        (("船", "", "", ""), 1),
        (("船", "水", "", ""), 2),
        (("", "", "水", ""), 3),
    ],
)
def test_drafts_are_shown_as_far_as_the_last_one_with_text(write_parts, drafts, shown):
    editor = Editor(EditorState("渡口", drafts), UndoHistory(), "船")
    changes = editor_changes(write_parts, editor)
    assert changes["manuscript"] == "渡口"
    assert changes["result"] is None
    assert changes["opening"] == "船"
    assert tuple(changes[f"draft {place}"] for place in range(4)) == drafts
    visible = [changes[f"column {place}"]["visible"] for place in range(4)]
    assert visible == [place < shown for place in range(4)]
