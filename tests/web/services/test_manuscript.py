from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.web import limits
from novelgen.web.services.draft_source import source_of
from novelgen.web.services.manuscript import (
    NO_DRAFTS,
    CancellationToken,
    EditorState,
    UndoHistory,
    accept,
    append,
    discard,
    draft_to_continue,
    drafts_of,
    next_opening,
    next_seed,
    only_draft,
    record_change,
    redo,
    undo,
)

TEXTS = st.text("宝玉笑道。“”\n <>&", max_size=12)
DRAFTS = st.tuples(*[TEXTS] * limits.CANDIDATES)


def result_of(source="", *texts, seed=1, finished=True, task="next", **options):
    generations = tuple(
        SimpleNamespace(text=text, seed=seed + place, task=task) for place, text in enumerate(texts)
    )
    return SimpleNamespace(
        manuscript=source, generations=generations, options=options, finished=finished, run="run"
    )


def drafts(*texts):
    return (*texts, *NO_DRAFTS)[: limits.CANDIDATES]


def test_append_puts_paragraphs_one_a_line():
    assert append("", "宝玉笑道。") == "宝玉笑道。"
    assert append("一。\n二。\n\n", " 三。\n四。\n") == "一。\n二。\n三。\n四。"


def test_previous_paragraphs_are_put_before_the_manuscript():
    result = result_of("三。\n四。", "二。\n一。", task="previous")
    state = EditorState("三。\n四。", drafts("二。\n一。"), result, source_of(result))
    assert accept(state, UndoHistory(), 0).manuscript == "一。\n二。\n三。\n四。"


@given(TEXTS, DRAFTS, st.integers(0, limits.CANDIDATES - 1))
def test_the_picked_draft_is_accepted_and_the_others_are_removed(text, texts, chosen):
    state = EditorState(text, texts)
    after = accept(state, UndoHistory(), chosen)
    if not texts[chosen].strip():
        assert after is state
    else:
        assert after == EditorState(append(text, texts[chosen]), NO_DRAFTS)
        assert after.manuscript.endswith(texts[chosen].strip())
        assert after.manuscript.startswith(text.rstrip().lstrip("\n"))


def test_without_a_pick_the_only_draft_is_accepted():
    assert only_draft(EditorState("一。", drafts(" ", "二。"))) == 1
    assert only_draft(EditorState("一。")) is None
    assert only_draft(EditorState("一。", drafts("二。", "三。"))) is None
    assert accept(EditorState("一。"), UndoHistory(), None) == EditorState("一。")


def test_continue_takes_a_draft_only_behind_the_manuscript_it_was_written_for():
    source = source_of(result_of("一。", "二。"))
    written = EditorState("一。", drafts("二。"), source=source)
    assert draft_to_continue(written) == 0
    assert draft_to_continue(written._replace(drafts=drafts("改过。"))) == 0
    assert draft_to_continue(written._replace(manuscript="一。\n我写的。")) is None
    assert draft_to_continue(written._replace(drafts=drafts("二。", "三。"))) is None
    # What the writer has typed there follows whatever stands above it.
    assert draft_to_continue(EditorState("一。", drafts("我写的。"))) == 0


@given(TEXTS, DRAFTS)
def test_discarded_drafts_are_gone_and_come_back(text, texts):
    state = EditorState(text, texts)
    after = discard(state)
    assert after.texts == (text, NO_DRAFTS)
    assert undo(after, record_change(UndoHistory(), state, after))[0].texts == state.texts


@given(st.lists(st.tuples(TEXTS, DRAFTS), max_size=12))
def test_every_change_can_be_undone(states):
    state, undo_history, seen = EditorState(), UndoHistory(), [EditorState()]
    for text, texts in states:
        after = EditorState(text, texts)
        undo_history = record_change(undo_history, state, after)
        if after != state:
            seen.append(after)
        state = after
    for expected in reversed(seen[:-1]):
        state, undo_history = undo(state, undo_history)
        assert state == expected
    assert undo(state, undo_history) == (state, undo_history)


def test_what_was_typed_since_is_undone_first_and_can_be_redone():
    before = EditorState("一。", drafts("二。"))
    accepted = accept(before, UndoHistory(), 0)
    undo_history = record_change(UndoHistory(), before, accepted)
    typed = accepted._replace(manuscript=f"{accepted.manuscript}我亲手写的。")
    state, undo_history = undo(typed, undo_history)
    assert state == accepted
    state, undo_history = undo(state, undo_history)
    assert state == before
    state, undo_history = redo(state, undo_history)
    assert state == accepted
    state, undo_history = redo(state, undo_history)
    assert state == typed
    assert redo(state, undo_history) == (state, undo_history)
    assert undo(state, undo_history)[0] == accepted


def test_without_recorded_changes_undo_and_redo_change_nothing():
    state = EditorState("我写的。")
    assert undo(state, UndoHistory()) == (state, UndoHistory()) == redo(state, UndoHistory())


@given(st.lists(st.one_of(st.sampled_from(["undo", "redo", "change"]), TEXTS), max_size=9))
def test_every_typed_text_is_reachable_by_undo_or_redo(steps):
    state, undo_history, typed = (
        EditorState(),
        record_change(UndoHistory(), EditorState(), EditorState()),
        set(),
    )
    for number, step in enumerate(steps):
        if step == "undo":
            state, undo_history = undo(state, undo_history)
        elif step == "redo":
            state, undo_history = redo(state, undo_history)
        elif step == "change":  # any other button
            after = EditorState(f"{state.manuscript}#{number}")
            state, undo_history = after, record_change(undo_history, state, after)
        else:
            state = state._replace(manuscript=f"{state.manuscript}{number}{step}")
            typed.add(state.manuscript)
            after = state._replace(drafts=drafts(str(number)))  # and something is made of it
            state, undo_history = after, record_change(undo_history, state, after)
    seen = {state.manuscript}
    for move in (redo, undo):
        for _ in range(40):
            state, undo_history = move(state, undo_history)
            seen.add(state.manuscript)
    assert typed <= seen


def test_a_growing_text_is_undone_in_one_step():
    before, partial = EditorState("一。"), result_of("一。", "宝玉笑道。", finished=False)
    undo_history = record_change(
        UndoHistory(), before, EditorState("一。", drafts("宝玉笑道。"), partial)
    )
    seen = EditorState("一。", drafts("宝玉"), partial)  # the browser is behind
    state, undo_history = undo(seen, undo_history)
    assert state == before
    assert redo(state, undo_history)[0].drafts == drafts("宝玉笑道。")
    edited = seen._replace(drafts=drafts("宝玉哭"))
    assert undo(
        edited,
        record_change(UndoHistory(), before, EditorState("一。", drafts("宝玉笑道。"), partial)),
    )[0].drafts == drafts("宝玉笑道。")


def test_history_is_bounded_in_characters_but_keeps_the_last_state(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY", 25)
    undo_history, state = UndoHistory(), EditorState("甲" * 9)
    for letter in "乙丙丁":
        after = EditorState(letter * 9, drafts("稿"))
        undo_history, state = record_change(undo_history, state, after), after
    assert [old.manuscript[0] for old in undo_history.past] == ["乙", "丙"]
    undo_history = record_change(undo_history, EditorState("长" * 99), EditorState())
    assert [len(old.manuscript) for old in undo_history.past] == [99]
    for _ in range(30):
        state, undo_history = undo(EditorState("改" * 9), undo_history)
    assert sum(old.size for old in undo_history.future) <= 25


def test_snapshots_of_one_request_are_one_change():
    start = EditorState("一。", drafts("旧。"), result_of("", "旧。"))
    undo_history = UndoHistory()
    for text in ("宝", "宝玉", "宝玉笑道。"):
        growing = record_change(
            undo_history,
            start,
            EditorState("一。\n旧。", drafts(text), result_of("一。\n旧。", text)),
        )
    assert len(growing.past) == 1
    assert undo(growing.present, growing)[0] is start


def test_levels_are_bounded_and_older_ones_have_no_result():
    undo_history, state = UndoHistory(), EditorState("0", result=result_of("0"))
    for number in range(1, 60):
        after = EditorState(str(number), result=result_of(str(number)))
        undo_history, state = record_change(undo_history, state, after), after
    assert 1 <= sum(state.result is not None for state in undo_history.past) <= 4
    assert [state.manuscript for state in undo_history.past] == [
        str(number) for number in range(39, 59)
    ]


@pytest.fixture
def rewritten():
    """A draft was accepted; then another tab wrote the same paragraph again.

    The state, and its undo history.
    """
    first = result_of("一。", "旧。")
    before = EditorState("一。", drafts("旧。"), first)
    accepted = accept(before, UndoHistory(present=before), 0)
    undo_history = record_change(UndoHistory(present=before), before, accepted)
    return accepted._replace(drafts=drafts("新。"), result=result_of("一。", "新。")), undo_history


def test_another_version_of_the_last_paragraph_replaces_it(rewritten):
    state, undo_history = rewritten
    assert state.manuscript == "一。\n旧。"
    assert accept(state, undo_history, 0).manuscript == "一。\n新。"


def test_another_version_is_appended_to_an_edited_manuscript(rewritten):
    state, undo_history = rewritten
    assert (
        accept(state._replace(manuscript="一。\n旧。改过。"), undo_history, 0).manuscript
        == "一。\n旧。改过。\n新。"
    )


def test_a_typed_draft_is_appended_after_an_acceptance(rewritten):
    _, undo_history = rewritten
    assert (
        accept(undo_history.present._replace(drafts=drafts("我写的。")), undo_history, 0).manuscript
        == "一。\n旧。\n我写的。"
    )


def test_what_another_tab_has_generated_is_undone_first():
    own = result_of("一。", "旧。")
    before, left = EditorState("一。"), EditorState("一。", drafts("旧。"), own)
    undo_history = record_change(UndoHistory(), before, left)
    state = left._replace(drafts=drafts("新。"), result=result_of("一。", "新。"))
    state, undo_history = undo(state, undo_history)
    assert state == left
    assert undo(state, undo_history)[0] == before


def test_drafts_are_filled_up_to_the_number_of_candidates():
    assert drafts_of(result_of("", "一", "二")) == drafts("一", "二")
    assert len(drafts_of(result_of(""))) == limits.CANDIDATES


def test_an_opening_is_cleared_when_its_draft_is_accepted():
    state = EditorState(
        "一。", drafts("他笑道：“好。”"), result_of("一。", "他笑道：“好。”", prefix="他笑道：“")
    )
    after = accept(state, UndoHistory(), 0)
    assert next_opening(state, after, "他笑道：“") == ""
    assert next_opening(state, after, "忽然") == "忽然"  # typed since: it is for the next paragraph
    assert next_opening(state, state, "他笑道：“") == "他笑道：“"


def test_a_pinned_seed_moves_behind_the_candidates_seeds():
    options = {"seed": 7, "num_samples": 3}
    assert next_seed(options, result_of("", "一", "二", "三", seed=7)) == 10
    assert next_seed(options, result_of("", "一", seed=4)) is None
    assert next_seed(options, None) is None
    assert next_seed({"num_samples": 1}, result_of("", "一", seed=7)) is None
    assert (
        next_seed({"seed": limits.SEED, "num_samples": 1}, result_of("", "一", seed=limits.SEED))
        == 0
    )


def test_a_request_is_cancelled_by_the_next_one_and_by_cancel():
    cancellation = CancellationToken()
    first = cancellation.start()
    assert not cancellation.is_cancelled(first)
    second = cancellation.start()
    assert cancellation.is_cancelled(first)
    assert not cancellation.is_cancelled(second)
    cancellation.cancel()
    assert cancellation.is_cancelled(first)
    assert cancellation.is_cancelled(second)
