"""Two visitors of one page who write at once; each has what Gradio gives a session.

The buttons are those of the page, without a browser and a server between them and the handlers.
"""

import asyncio

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from novelgen.web import limits, page
from novelgen.web.services.model_registry import ModelRegistry

FIRST = "宝玉笑道：“我来了。”"
SECOND = "黛玉道：“我不来。”"


class Visitor:
    """A session: its own copies of the page's states, and what stands in its fields."""

    def __init__(self, blocks, **values):
        self._blocks = blocks
        self._session = SessionState(blocks)
        self._numbers = {component: number for number, component in blocks.blocks.items()}
        self._named = {each.elem_id: each for each in self._numbers if each.elem_id is not None}
        self._values = {self._named[f"write-{name}"]: value for name, value in values.items()}

    def _value(self, component):
        if isinstance(component, gr.State):
            return self._session[self._numbers[component]]
        value = self._values.get(component, component.value)
        # A browser sends an empty text.
        return "" if value is None and isinstance(component, gr.Textbox) else value

    def _receive(self, component, value):
        # gr.update() is such a dictionary; it holds no value here.
        if isinstance(value, dict) and value.get("__type__") == "update":
            return
        if isinstance(component, gr.State):
            self._session[self._numbers[component]] = value
        else:
            self._values[component] = value

    def text(self, name):
        return self._value(self._named[f"write-{name}"])

    def click(self, button):
        """The texts of the first draft as they come, while all that the button does is done."""
        clicked = (self._numbers[self._named[f"write-{button}"]], "click")
        for event in self._blocks.fns.values():
            if clicked in event.targets and event.fn is not None:
                yield from self._handle(event)

    def _handle(self, event):
        given = {component: self._value(component) for component in event.inputs}
        # Of inputs that are no set, each value is a parameter.
        values = [given] if event.inputs_as_dict else given.values()
        is_localized = "visitor" in event.fn.__annotations__
        answers = event.fn(*[None] * is_localized, *values)
        if not event.types_generator:
            answers = [answers]
        for changes in answers:
            if changes is not None and changes != gr.skip():
                # Gradio refuses others.
                assert changes.keys() <= {*event.outputs}
                for component, value in changes.items():
                    self._receive(component, value)
            yield self.text("draft-1")


@pytest.fixture(scope="module")
def blocks(make_run, tmp_path_factory):
    """The page, with one run."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "run")

    async def build():
        return page.build(ModelRegistry(folder), folder)

    # Where no loop runs, Gradio makes one and leaves it open.
    return asyncio.run(build())


@pytest.fixture
def open_page(blocks, monkeypatch):
    """Opens the page for another visitor: `open_page(manuscript=…)`."""
    # Every token is an update, however fast the machine is.
    monkeypatch.setattr(limits, "UPDATES_A_SECOND", 1e9)
    return lambda **values: Visitor(blocks, **values)


PARAGRAPHS = 4
LONG = {"max-length": 100, "paragraphs": PARAGRAPHS}
SHORT = {"max-length": 12}


def grows(stream):
    """Whether the text goes on growing; takes as much of the stream as it needs to see that."""
    before = next(stream)
    longer = next((text for text in stream if len(text) > len(before)), "")
    return longer.startswith(before) and longer != before


def test_a_text_goes_on_growing_while_another_visitor_writes(open_page):
    first = open_page(manuscript=FIRST, **LONG)
    second = open_page(manuscript=SECOND, **SHORT)
    growing = first.click("continue")
    begun = next(growing)
    *_, written = second.click("continue")
    assert grows(growing)
    *_, whole = growing
    assert whole.startswith(begun)
    assert whole.count("\n") == PARAGRAPHS - 1
    assert 0 < len(written) < len(whole)
    assert first.text("manuscript") == FIRST
    assert second.text("manuscript") == SECOND


@pytest.mark.parametrize("button", ["stop", "accept", "clear", "undo", "rewrite"])
def test_what_a_visitor_cancels_is_the_own_text_alone(open_page, button):
    first = open_page(manuscript=FIRST, **LONG)
    second = open_page(manuscript=SECOND, **LONG)
    growing, others = first.click("continue"), second.click("continue")
    assert grows(growing)
    assert grows(others)
    list(second.click(button))
    assert list(others) == []
    assert grows(growing)
    list(first.click("stop"))
    assert list(growing) == []


def test_each_visitor_undoes_the_own_changes(open_page):
    first = open_page(manuscript=FIRST, **SHORT)
    second = open_page(manuscript=SECOND, **SHORT)
    *_, draft = first.click("continue")
    *_, others = second.click("continue")
    list(first.click("accept"))
    list(second.click("accept"))
    # An untrained model may write a space at the end, which no paragraph keeps.
    assert first.text("manuscript") == f"{FIRST}\n{draft.strip()}"
    assert second.text("manuscript") == f"{SECOND}\n{others.strip()}"
    list(first.click("undo"))
    assert (first.text("manuscript"), first.text("draft-1")) == (FIRST, draft)
    assert second.text("manuscript") == f"{SECOND}\n{others}"
    list(second.click("undo"))
    assert (second.text("manuscript"), second.text("draft-1")) == (SECOND, others)
    # Nobody gets to see what the other one did before.
    for _ in range(3):
        for visitor, own in ((first, FIRST), (second, SECOND)):
            list(visitor.click("undo"))
            assert (visitor.text("manuscript"), visitor.text("draft-1")) == (own, "")
