import gradio as gr
import pytest

from novelgen.errors import TrainingError
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import Status
from novelgen.web.tabs.training_panel import start_first_training
from novelgen.web.tabs.training_view import Parts, panel_changes


class Training:
    """Stands for a PageTraining of which only the status counts."""

    def __init__(self, status):
        self._status = status

    def status(self):
        return self._status

    def start(self, folder):
        self.started = folder


def look(folder, status, chosen=None):
    """Whether the panel is visible, its bar, which buttons are, whether it looks again, the run."""
    names = Parts(*Parts._fields)
    found = panel_changes(names, Training(status), ModelRegistry(folder), chosen)
    buttons = (found["start"].visible, found["cancel"].visible)
    return found["panel"].visible, found["bar"], buttons, found["timer"].active, found.get("run")


RUNNING = Status("training", "novel-tiny", 0.25, 90.0, 120, 7.25, 7.5)


def test_without_a_run_a_training_is_offered(tmp_path):
    there, bar, buttons, again, _ = look(tmp_path, Status("idle"))
    assert there
    assert again
    assert buttons == (True, False)
    assert "share" not in bar


def test_a_training_under_way_shows_how_far_it_is_and_can_be_cancelled(tmp_path):
    there, bar, buttons, again, _ = look(tmp_path, RUNNING)
    assert there
    assert again
    assert buttons == (False, True)
    assert bar["share"] == 0.25
    assert all(part in bar["text"] for part in ("novel-tiny", "25%", "1:30", "120", "7.25", "7.50"))
    assert look(tmp_path, Status("preparing", "novel-tiny"))[1]["share"] is None
    assert "finishing" in look(tmp_path, RUNNING._replace(phase="finishing"))[1]["text"]


def test_while_it_trains_the_panel_stays_though_weights_are_there(tmp_path, make_run):
    make_run(tmp_path / "novel-tiny")
    assert look(tmp_path, RUNNING)[0]


def test_when_it_is_done_the_panel_goes_and_the_run_is_chosen(tmp_path, make_run):
    make_run(tmp_path / "novel-tiny")
    there, _, _, again, run = look(tmp_path, Status("done", "novel-tiny", 1.0))
    assert not there
    assert not again
    assert isinstance(run, gr.Dropdown)
    assert run.value == "novel-tiny"
    assert [name for _label, name in run.choices] == ["novel-tiny"]


def test_a_choice_that_was_made_is_left_alone(tmp_path, make_run):
    for name in ("novel-tiny", "mine"):
        make_run(tmp_path / name)
    assert look(tmp_path, Status("done", "novel-tiny", 1.0), "mine")[4] is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status("failed", error="error: the disk is full"), "the disk is full"),
        (Status("cancelled"), "nothing was kept"),
    ],
)
def test_a_failure_is_shown_and_the_training_can_be_started_again(tmp_path, status, reason):
    there, bar, buttons, *_ = look(tmp_path, status)
    assert there
    assert buttons == (True, False)
    assert reason in bar["text"]
    assert "share" not in bar


def test_where_there_is_a_run_nothing_is_trained(tmp_path, make_run):
    """Whoever calls the server without the page's buttons is refused as well."""
    training = Training(Status("idle"))
    start_first_training(training, ModelRegistry(tmp_path))
    assert training.started == tmp_path
    make_run(tmp_path / "mine")
    for phase in ("idle", "done", "failed", "cancelled"):
        training = Training(Status(phase))
        with pytest.raises(TrainingError, match="there is a trained model already"):
            start_first_training(training, ModelRegistry(tmp_path))
        assert not hasattr(training, "started")
    start_first_training(
        Training(RUNNING), ModelRegistry(tmp_path)
    )  # a second click while it runs is no mistake
