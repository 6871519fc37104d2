import pytest

from novelgen.errors import ConfigError
from novelgen.web import limits
from novelgen.web.services.manuscript import CancellationToken, EditorState, UndoHistory
from novelgen.web.tabs.writing_request import stream_changes
from novelgen.web.tabs.writing_state import Editor, Request

PROMPT = "宝玉笑道：“我来了。”"
OPTIONS = {"decoder": "sample", "seed": 11, "min_length": 12, "max_length": 12}


@pytest.fixture
def stream(toy, registry_of, write_parts, monkeypatch):
    """What changes on the tab while a manuscript is continued: `stream(request, …)`."""
    # Every token is an update, however fast the machine is.
    monkeypatch.setattr(limits, "UPDATES_A_SECOND", 1e9)
    registry = registry_of(toy.generator())

    def begin(request, source, opening="", seed=None):
        return stream_changes(registry, write_parts, request, source, opening, seed)

    return begin


def asked(manuscript=PROMPT, opening=""):
    editor = Editor(EditorState(manuscript), UndoHistory(), opening)
    return Request(editor, "run", CancellationToken(), OPTIONS)


def test_what_the_visitor_may_edit_is_set_once_and_what_is_shown_is_not_sent_again(stream):
    first, *between, last = stream(asked(opening="船"), EditorState(f"{PROMPT}\n船"), "", 12)
    assert first["manuscript"] == f"{PROMPT}\n船"
    assert (first["opening"], first["seed"]) == ("", "12")
    assert len(between) > 5
    grown = {"result", "undo history", "status", "draft 0"}
    assert all(changes.keys() <= grown for changes in between)
    assert all("result" in changes for changes in between)
    fields = {"manuscript", "opening", "seed"}
    assert last.keys() == first.keys() - fields
    assert last["journal"] != first["journal"]
    assert last["result"].finished


def test_what_is_unchanged_is_not_set(stream):
    first, *_ = stream(asked(), EditorState(PROMPT))
    assert not {"manuscript", "opening", "seed"} & first.keys()


def test_another_request_ends_this_one(stream):
    request = asked()
    running = stream(request, EditorState(PROMPT))
    next(running)
    request.cancellation.start()
    assert list(running) == []


def test_an_empty_manuscript_cancels_nothing(stream):
    request = asked()
    number = request.cancellation.start()
    with pytest.raises(ConfigError, match="empty"):
        next(stream(request, EditorState(" ")))
    assert not request.cancellation.is_cancelled(number)
