"""What was written from which."""

from novelgen.web.services.branches import listed, with_branch
from novelgen.web.services.streaming import GenerationResult

PROMPT = "宝玉笑道：“我来了。”"


def text(toy, seed):
    generations = tuple(toy.generator().candidates(PROMPT, seed=seed, max_length=12))
    return GenerationResult("run", 1, PROMPT, {}, generations, 1.0, "cpu", True)


def drawn(branches, current=None):
    return [
        (each["depth"], branches[each["number"]].result, each["current"])
        for each in listed(branches, current)
    ]


def test_what_was_made_from_a_text_stands_below_it(toy):
    first, second, child, grandchild, other = (text(toy, seed) for seed in range(5))
    branches = with_branch((), first)
    branches = with_branch(branches, child, first, place=3)
    branches = with_branch(branches, second)
    branches = with_branch(branches, grandchild, child)
    branches = with_branch(branches, other, first)
    assert with_branch(branches, child) == branches
    assert drawn(branches, child) == [
        (0, first, False),
        (1, child, True),
        (2, grandchild, False),
        (1, other, False),
        (0, second, False),
    ]
    labels = {each["number"]: each["text"] for each in listed(branches, None)}
    tokens = child.generations[0].paragraphs[0].tokens
    assert labels[1] == "".join(tokens[3:])[:14]


def test_old_branches_are_forgotten_and_their_children_become_roots(toy):
    first = text(toy, 0)
    branches = with_branch((), first)
    last = first
    for seed in range(1, 50):
        last, parent = text(toy, seed), last
        branches = with_branch(branches, last, parent)
    assert len(branches) == 40
    assert [depth for depth, *_ in drawn(branches)] == [*range(40)]


def test_a_text_that_has_not_begun_is_no_branch(toy):
    assert with_branch((), None) == ()
