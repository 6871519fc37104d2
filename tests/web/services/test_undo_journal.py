import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.web import limits
from novelgen.web.services.draft_source import DraftSource
from novelgen.web.services.manuscript import EditorState, UndoHistory, record_change, undo
from novelgen.web.services.undo_journal import history_from, journal_of

TEXTS = st.text("小满上船。\n", max_size=9)
SOURCES = st.none() | st.builds(DraftSource, st.integers(0), st.integers(0))
STATES = st.builds(
    EditorState,
    TEXTS,
    st.tuples(*[TEXTS] * limits.CANDIDATES),
    st.none(),
    SOURCES,
)
HISTORIES = st.builds(
    UndoHistory, st.lists(STATES, max_size=4).map(tuple), STATES, st.lists(STATES).map(tuple)
)


@given(HISTORIES)
def test_a_history_is_read_from_its_journal(undo_history):
    assert history_from(journal_of(undo_history), EditorState()) == undo_history


def test_a_step_costs_what_was_added_and_not_the_story():
    state, undo_history = EditorState("小满" * 10_000), UndoHistory()
    for _ in range(10):
        after = EditorState(f"{state.manuscript}\n上了船。")
        undo_history = record_change(undo_history, state, after)
        state = after
    assert len(journal_of(undo_history)) < 22_000


def test_a_text_that_was_still_growing_is_undone_in_one_step():
    begun = EditorState("一。", ("二", "", "", ""))
    undo_history = record_change(UndoHistory(), EditorState("一。"), begun)
    record = json.loads(journal_of(undo_history))
    now = EditorState("一。", ("二三四。", "", "", ""))
    restored = history_from(json.dumps({**record, "growing": True}), now)
    assert undo(now, restored)[0] == EditorState("一。")


@pytest.mark.parametrize(
    "journal", [None, "", "{", "[]", '{"present": 5}', '{"present": [0, 1, [], ""]}']
)
def test_what_is_no_journal_is_an_empty_history(journal):
    assert journal_of(UndoHistory()) == ""
    assert history_from(journal, EditorState("一。")) == UndoHistory()
