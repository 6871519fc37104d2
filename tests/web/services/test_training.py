import json
import sys
import time

import pytest

from novelgen.errors import TrainingError
from novelgen.i18n import use_language
from novelgen.shipped import shipped_novel
from novelgen.training.run_lock import locked
from novelgen.web.services import training
from novelgen.web.services.training import PageTraining, TrainingRequest

WITHIN = 60  # seconds that a process has for what it is expected to do, on a busy machine
LONG = 600  # seconds that a process sleeps whose end nobody waits for
# A training that follows a plan. Its first record may say 0.0 seconds, as on a quick machine.
SCRIPT = """
import json, os, pathlib, signal, sys, time

def end(*_):
    pathlib.Path(__file__).with_name("asked").touch()
    sys.exit(1)

signal.signal(signal.SIGTERM, end)
output = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
plan = json.loads(pathlib.Path(__file__).with_name("plan.json").read_text())
print("arguments:", *sys.argv[1:], flush=True)
output.mkdir(parents=True)
with (output / "metrics.jsonl").open("a") as file:
    for number in range(plan["steps"]):
        seconds = plan["seconds"] * number
        record = {"step": number + 1, "bpc": 8.0, "characters": 100, "seconds": seconds}
        print(json.dumps(record), file=file, flush=True)
time.sleep(plan["end"])
words = {"en": "error: the disk is full", "zh": "\\u9519\\u8bef"}
print(words[os.environ["NOVELGEN_LANG"]], file=sys.stderr)
sys.exit(plan["code"])
"""


@pytest.fixture
def make(tmp_path):
    """Makes a PageTraining whose process follows a plan."""
    made = []

    def make(minutes=1.0, steps=2, seconds=1.0, end=0.0, code=0, **options):
        project = tmp_path / "project"
        project.mkdir()
        (project / "train.py").write_text(SCRIPT, encoding="utf-8")
        plan = {"steps": steps, "seconds": seconds, "end": end, "code": code}
        (project / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        command = (sys.executable, str(project / "train.py"))
        made.append(PageTraining(minutes, command, **options))
        return made[-1]

    yield make
    for each in made:
        each.cancel()


def until(condition):
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the process has not done what it is expected to do")
        time.sleep(0.02)


def test_nothing_happens_until_it_is_started(make):
    assert make().status().phase == "idle"


def test_a_training_that_ends_well_leaves_its_run(make, tmp_path):
    tiny = make()
    tiny.start(tmp_path / "checkpoints")
    assert tiny.status().is_running
    assert tiny.wait(WITHIN)
    assert tiny.status() == ("done", "novel-tiny", 1.0, 0.0, 0, None, None, "", False)
    assert (tmp_path / "checkpoints" / "novel-tiny" / "metrics.jsonl").exists()


class Journal:
    """The metrics.jsonl of a run; the test writes it in the place of the process."""

    def __init__(self, run):
        self.path = run / "metrics.jsonl"

    def add(self, **record):
        with self.path.open("a", encoding="utf-8") as file:
            print(json.dumps(record), file=file)

    def step(self, number, seconds):
        self.add(step=number, bpc=8.0, characters=100, seconds=seconds)


def test_the_progress_is_the_share_of_the_budget_and_never_goes_back(make, tmp_path):
    now = 1_000_000.0  # a machine's clock runs since it was started
    tiny = make(minutes=1.0, steps=0, end=LONG, clock=lambda: now)
    tiny.start(tmp_path)
    until((tmp_path / "novel-tiny" / "metrics.jsonl").exists)
    journal = Journal(tmp_path / "novel-tiny")
    assert tiny.status().phase == "preparing"

    def progress():
        status = tiny.status()
        return status.phase, status.step, status.share, status.seconds_left

    journal.step(1, 0.0)
    assert progress() == ("training", 1, 0.0, 60.0)
    now += 15
    assert progress() == ("training", 1, 0.25, 45.0)
    journal.step(2, 9.0)  # by its own clock the training has come less far
    assert progress() == ("training", 2, 0.25, 45.0)
    now += 3
    assert progress() == ("training", 2, 0.25, 45.0)
    now += 18
    assert progress() == ("training", 2, 0.5, 30.0)
    journal.step(21, 60.0)
    journal.add(step=21, validation_bpc=7.5)
    assert progress() == ("finishing", 21, 1.0, 0.0)
    now += 60
    assert progress() == ("finishing", 21, 1.0, 0.0)
    assert (tiny.status().training_bpc, tiny.status().validation_bpc) == (8.0, 7.5)


def test_there_is_one_training_at_a_time(make, tmp_path):
    tiny = make(end=LONG)
    for _ in range(3):
        tiny.start(tmp_path / "checkpoints")
    until(lambda: tiny.status().phase == "training")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["novel-tiny"]


def test_a_cancelled_training_ends_by_itself_and_leaves_nothing(make, tmp_path):
    tiny = make(end=LONG, patience=WITHIN)
    tiny.start(tmp_path / "checkpoints")
    until(lambda: tiny.status().phase == "training")
    tiny.cancel()
    assert tiny.status().phase == "cancelled"
    assert (tmp_path / "project" / "asked").exists()
    assert not list((tmp_path / "checkpoints").iterdir())
    tiny.start(tmp_path / "checkpoints")
    assert tiny.status().is_running


def test_a_process_that_does_not_listen_is_killed(make, tmp_path):
    tiny = make(end=LONG, patience=0.2)
    script = tmp_path / "project" / "train.py"
    deaf = SCRIPT.replace("signal.SIGTERM, end", "signal.SIGTERM, signal.SIG_IGN")
    assert deaf != SCRIPT
    script.write_text(deaf, encoding="utf-8")
    tiny.start(tmp_path)
    until(lambda: tiny.status().phase == "training")
    tiny.cancel()
    assert tiny.wait(WITHIN)
    assert tiny.status().phase == "cancelled"


def test_the_process_speaks_the_language_of_who_started_it(make, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    tiny = make(code=2)
    with use_language("zh"):
        tiny.start(tmp_path / "checkpoints")
    assert tiny.wait(WITHIN)
    assert tiny.status().error == "错误"


def test_a_run_that_another_process_trains_in_the_folder_stays(make, tmp_path):
    tiny = make(steps=1, end=LONG, patience=WITHIN)
    tiny.start(tmp_path / "checkpoints")
    output = tmp_path / "checkpoints" / "novel-tiny"
    until(lambda: tiny.status().phase == "training")
    with locked(output):
        tiny.cancel()
    assert (output / "metrics.jsonl").exists()


def test_a_failure_is_shown_in_the_words_of_the_process(make, tmp_path):
    tiny = make(code=2)
    tiny.start(tmp_path / "checkpoints")
    assert tiny.wait(WITHIN)
    assert tiny.status().phase == "failed"
    assert tiny.status().error == "error: the disk is full"
    assert not list((tmp_path / "checkpoints").iterdir())


def test_an_existing_run_is_never_touched(make, tmp_path):
    (tmp_path / "novel-tiny").mkdir()
    tiny = make(end=LONG)
    tiny.start(tmp_path)
    assert tiny.status().name == "novel-tiny-2"
    tiny.cancel()
    assert (tmp_path / "novel-tiny").exists()
    assert not (tmp_path / "novel-tiny-2").exists()


def test_the_corpus_must_be_there(make, tmp_path):
    page_training = make()
    with pytest.raises(TrainingError, match=r"gone: no such file"):
        page_training.start_on(tmp_path, request_on(tmp_path / "gone"))
    assert page_training.status().phase == "idle"


def test_the_command_is_one_that_a_user_could_type(tmp_path, monkeypatch):
    tiny, given = PageTraining(1.0), []
    monkeypatch.setattr(
        training.subprocess,
        "Popen",
        lambda command, **_: given.extend(command) or (_ for _ in ()).throw(OSError("no")),
    )
    with pytest.raises(TrainingError, match="no"):
        tiny.start(tmp_path)
    assert given == [
        sys.executable,
        "-m",
        "novelgen",
        "train",
        "--preset",
        "tiny",
        "--init",
        "auto",
        "--max-minutes",
        "1",
        "--corpus",
        str(shipped_novel()),
        "--output",
        str(tmp_path / "novel-tiny"),
    ]
    assert tiny.status().phase == "idle"


def request_on(corpus, **options):
    """A request for a training on a visitor's novel."""
    values = {"name": "mine-small", "preset": "small", "minutes": 3, "is_uploaded": True}
    return TrainingRequest(corpus=corpus, **{**values, **options})


def test_a_training_on_another_corpus_has_its_own_name_and_budget(make, tmp_path):
    page_training = make(minutes=1.0, steps=2, seconds=90.0, end=LONG, clock=lambda: 0.0)
    corpus = tmp_path / "store"
    corpus.mkdir()
    page_training.start_on(tmp_path / "runs", request_on(corpus))
    until(lambda: page_training.status().step == 2)
    status = page_training.status()
    assert (status.phase, status.name, status.is_uploaded) == ("training", "mine-small", True)
    assert status.share == 0.5
    with pytest.raises(TrainingError, match="another training is under way"):
        page_training.start_on(tmp_path / "runs", request_on(corpus))
    with pytest.raises(TrainingError, match="another training is under way"):
        page_training.check_free()


@pytest.mark.parametrize(("code", "stays"), [(0, True), (2, False)])
def test_a_corpus_kept_for_a_run_goes_with_a_run_that_fails(make, tmp_path, code, stays):
    page_training = make(code=code)
    corpus = tmp_path / "store"
    corpus.mkdir()
    page_training.start_on(tmp_path / "runs", request_on(corpus, discard=corpus))
    assert page_training.wait(WITHIN)
    assert corpus.exists() == stays
    assert page_training.status().is_uploaded
