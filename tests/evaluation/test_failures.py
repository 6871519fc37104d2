"""Failures of written texts, each rule with a text that it is about and one that it is not."""

import pytest

from novelgen.evaluation.failures import WrittenText, count_failures

GOOD = "小满说：“今天的水比昨天高。”她走到河边去了。"


def written(text=GOOD, source="爷爷来了。", target=GOOD, finished=True):
    return WrittenText(source, target, text, finished)


def kinds(text, **more):
    return {failure.name for failure in count_failures([text], **more) if failure.places}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("loop", written("她走了，她走了，她走了，她走了，她走了。")),
        ("quotation", written("小满说：“今天的水比昨天高。她走到河边去了。")),
        ("quotation", written("小满说：今天的水比昨天高。”她走到河边去了。")),
        ("quotation", written("（她“走）了”，今天的水比昨天高得多。")),
        ("quotation", written('她说"走吧，今天的水比昨天高得多。')),
        ("early", written("是。")),
        ("broken_off", written(GOOD, finished=False)),
        ("broken_off", written("是。", finished=False)),
        ("broken_off", written("小满今天走到了河边去看船，又")),
    ],
)
def test_rule_finds_its_failure_and_no_other(name, text):
    assert kinds(text) == {name}


def test_good_text_has_no_failure():
    assert kinds(written()) == set()
    assert kinds(written(), vocabulary=set(GOOD), names={"小满", "爷爷"}) == {"names"}
    assert kinds(written(source="小满来了。"), names={"小满", "爷爷"}) == set()


def test_short_text_is_no_failure_after_which_a_short_one_follows():
    assert kinds(written("是。", target="是的。")) == set()


def test_character_outside_the_vocabulary_was_spelled():
    assert kinds(written(GOOD), vocabulary=set(GOOD) - {"水"}) == {"bytes"}


def test_counts_name_the_places():
    texts = [written(), written("是。"), written("好。")]
    found = {failure.name: list(failure.places) for failure in count_failures(texts)}
    assert found["early"] == [1, 2]
    assert found["loop"] == []
