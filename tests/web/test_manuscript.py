from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.web import limits, manuscript
from novelgen.web.manuscript import (
    NO_DRAFTS,
    CancellationToken,
    EditorState,
    UndoHistory,
    accept,
    append,
    drafts_of,
    first_draft,
    next_opening,
    next_seed,
    redo,
    turn,
    undo,
)

TEXTS = st.text("宝玉笑道。“”\n <>&", max_size=12)
DRAFTS = st.tuples(*[TEXTS] * limits.CANDIDATES)


def written(source="", *texts, seed=1, finished=True, task="next", **options):
    generations = tuple(
        SimpleNamespace(text=text, seed=seed + place, task=task) for place, text in enumerate(texts)
    )
    return SimpleNamespace(
        manuscript=source, generations=generations, options=options, finished=finished
    )


def drafts(*texts):
    return (*texts, *NO_DRAFTS)[: limits.CANDIDATES]


def test_paragraphs_stand_one_a_line():
    assert append("", "宝玉笑道。") == "宝玉笑道。"
    assert append("一。\n二。\n\n", " 三。\n四。\n") == "一。\n二。\n三。\n四。"


def test_what_was_written_backwards_comes_before_the_manuscript():
    page = EditorState(
        "三。\n四。", drafts("二。\n一。"), written("三。\n四。", "二。\n一。", task="previous")
    )
    assert accept(page, UndoHistory(), 0).manuscript == "一。\n二。\n三。\n四。"


@given(TEXTS, DRAFTS, st.integers(0, limits.CANDIDATES - 1))
def test_the_picked_draft_is_accepted_and_the_others_are_put_away(text, texts, chosen):
    page = EditorState(text, texts)
    after = accept(page, UndoHistory(), chosen)
    if not texts[chosen].strip():
        assert after is page
    else:
        assert after == EditorState(append(text, texts[chosen]), NO_DRAFTS)
        assert after.manuscript.endswith(texts[chosen].strip())
        assert after.manuscript.startswith(text.rstrip().lstrip("\n"))


def test_without_a_pick_the_first_draft_that_has_text_counts():
    assert first_draft(EditorState("一。", drafts(" ", "二。", "三。"))) == 1
    assert first_draft(EditorState("一。")) is None
    assert accept(EditorState("一。"), UndoHistory(), None) == EditorState("一。")


@given(st.lists(st.tuples(TEXTS, DRAFTS), max_size=12))
def test_every_change_can_be_undone(pages):
    page, desk, seen = EditorState(), UndoHistory(), [EditorState()]
    for text, texts in pages:
        after = EditorState(text, texts)
        desk = turn(desk, page, after)
        if after != page:
            seen.append(after)
        page = after
    for expected in reversed(seen[:-1]):
        page, desk = undo(page, desk)
        assert page == expected
    assert undo(page, desk) == (page, desk)


def test_what_was_typed_since_is_undone_first_and_can_be_had_again():
    before = EditorState("一。", drafts("二。"))
    accepted = accept(before, UndoHistory(), 0)
    desk = turn(UndoHistory(), before, accepted)
    typed = accepted._replace(manuscript=f"{accepted.manuscript}我亲手写的。")
    page, desk = undo(typed, desk)
    assert page == accepted
    page, desk = undo(page, desk)
    assert page == before
    page, desk = redo(page, desk)
    assert page == accepted
    page, desk = redo(page, desk)
    assert page == typed
    assert redo(page, desk) == (page, desk)
    assert undo(page, desk)[0] == accepted


def test_a_page_that_has_only_been_typed_on_stays():
    page = EditorState("我写的。")
    assert undo(page, UndoHistory()) == (page, UndoHistory()) == redo(page, UndoHistory())


@given(st.lists(st.one_of(st.sampled_from(["undo", "redo", "turn"]), TEXTS), max_size=9))
def test_whatever_was_typed_can_be_had_again(steps):
    page, desk, typed = EditorState(), turn(UndoHistory(), EditorState(), EditorState()), set()
    for number, step in enumerate(steps):
        if step == "undo":
            page, desk = undo(page, desk)
        elif step == "redo":
            page, desk = redo(page, desk)
        elif step == "turn":  # any other button
            after = EditorState(f"{page.manuscript}#{number}")
            page, desk = after, turn(desk, page, after)
        else:
            page = page._replace(manuscript=f"{page.manuscript}{number}{step}")
            typed.add(page.manuscript)
            after = page._replace(drafts=drafts(str(number)))  # and something is made of it
            page, desk = after, turn(desk, page, after)
    seen = {page.manuscript}
    for move in (redo, undo):
        for _ in range(40):
            page, desk = move(page, desk)
            seen.add(page.manuscript)
    assert typed <= seen


def test_a_text_in_the_making_is_undone_at_once():
    before, begun = EditorState("一。"), written("一。", "宝玉笑道。", finished=False)
    desk = turn(UndoHistory(), before, EditorState("一。", drafts("宝玉笑道。"), begun))
    seen = EditorState("一。", drafts("宝玉"), begun)  # the browser is behind
    page, desk = undo(seen, desk)
    assert page == before
    assert redo(page, desk)[0].drafts == drafts("宝玉笑道。")
    edited = seen._replace(drafts=drafts("宝玉哭"))
    assert undo(
        edited, turn(UndoHistory(), before, EditorState("一。", drafts("宝玉笑道。"), begun))
    )[0].drafts == drafts("宝玉笑道。")


def test_a_session_keeps_so_many_characters_and_one_page_in_any_case(monkeypatch):
    monkeypatch.setattr(limits, "HISTORY", 25)
    desk, page = UndoHistory(), EditorState("甲" * 9)
    for letter in "乙丙丁":
        after = EditorState(letter * 9, drafts("稿"))
        desk, page = turn(desk, page, after), after
    assert [old.manuscript[0] for old in desk.history] == ["乙", "丙"]
    desk = turn(desk, EditorState("长" * 99), EditorState())
    assert [len(old.manuscript) for old in desk.history] == [99]
    for _ in range(30):
        page, desk = undo(EditorState("改" * 9), desk)
    assert sum(old.size for old in desk.undone) <= 25


def test_a_growing_draft_is_one_change():
    begun = EditorState("一。", drafts("旧。"), written("", "旧。"))
    desk = UndoHistory()
    for text in ("宝", "宝玉", "宝玉笑道。"):
        growing = turn(
            desk, begun, EditorState("一。\n旧。", drafts(text), written("一。\n旧。", text))
        )
    assert len(growing.history) == 1
    assert undo(growing.left, growing)[0] is begun


def test_the_levels_are_bounded_and_old_ones_hold_no_weights():
    desk, page = UndoHistory(), EditorState("0", written=written("0"))
    for number in range(1, 60):
        after = EditorState(str(number), written=written(str(number)))
        desk, page = turn(desk, page, after), after
    assert len(desk.history) == manuscript._LEVELS
    assert 1 <= sum(page.written is not None for page in desk.history) <= 4
    assert [page.manuscript for page in desk.history] == [str(number) for number in range(39, 59)]


@pytest.fixture
def rewritten():
    """A draft was accepted; then another tab wrote the same paragraph anew. The page, the desk, and the source."""
    first = written("一。", "旧。")
    before = EditorState("一。", drafts("旧。"), first)
    accepted = accept(before, UndoHistory(left=before), 0)
    desk = turn(UndoHistory(left=before), before, accepted)
    return accepted._replace(drafts=drafts("新。"), written=written("一。", "新。")), desk


def test_another_version_of_the_last_paragraph_takes_its_place(rewritten):
    page, desk = rewritten
    assert page.manuscript == "一。\n旧。"
    assert accept(page, desk, 0).manuscript == "一。\n新。"


def test_an_edited_manuscript_loses_nothing_to_another_version(rewritten):
    page, desk = rewritten
    assert (
        accept(page._replace(manuscript="一。\n旧。改过。"), desk, 0).manuscript
        == "一。\n旧。改过。\n新。"
    )


def test_ones_own_words_after_an_acceptance_are_appended(rewritten):
    _, desk = rewritten
    assert (
        accept(desk.left._replace(drafts=drafts("我写的。")), desk, 0).manuscript
        == "一。\n旧。\n我写的。"
    )


def test_what_another_tab_has_written_is_undone_first():
    own = written("一。", "旧。")
    before, left = EditorState("一。"), EditorState("一。", drafts("旧。"), own)
    desk = turn(UndoHistory(), before, left)
    page = left._replace(drafts=drafts("新。"), written=written("一。", "新。"))
    page, desk = undo(page, desk)
    assert page == left
    assert undo(page, desk)[0] == before


def test_the_candidates_texts_fill_the_drafts():
    assert drafts_of(written("", "一", "二")) == drafts("一", "二")
    assert len(drafts_of(written(""))) == limits.CANDIDATES


def test_an_opening_is_used_up_when_its_draft_is_accepted():
    page = EditorState(
        "一。", drafts("他笑道：“好。”"), written("一。", "他笑道：“好。”", prefix="他笑道：“")
    )
    after = accept(page, UndoHistory(), 0)
    assert next_opening(page, after, "他笑道：“") == ""
    assert next_opening(page, after, "忽然") == "忽然"  # typed since: it is for the next paragraph
    assert next_opening(page, page, "他笑道：“") == "他笑道：“"


def test_a_pinned_seed_moves_on_when_it_has_been_written():
    options = {"seed": 7, "num_samples": 3}
    assert next_seed(options, written("", "一", "二", "三", seed=7)) == {"seed": 10}
    assert next_seed(options, written("", "一", seed=4)) == {}
    assert next_seed(options, None) == {}
    assert next_seed({"num_samples": 1}, written("", "一", seed=7)) == {}
    assert next_seed(
        {"seed": limits.SEED, "num_samples": 1}, written("", "一", seed=limits.SEED)
    ) == {"seed": 0}


def test_the_pen_is_lost_to_whoever_takes_it_next():
    pen = CancellationToken()
    first = pen.take()
    assert pen.holder == first
    second = pen.take()
    assert pen.holder == second != first
    pen.drop()
    assert pen.holder not in (first, second)
