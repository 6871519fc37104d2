from novelgen.training.journal import Journal, read_metrics
from novelgen.training.run_directory import RunDirectory


def test_a_step_can_be_read_as_soon_as_it_is_written(tmp_path):
    run = RunDirectory(tmp_path)
    with Journal(run, 0) as journal:
        for step in (1, 2):
            journal.write({"step": step, "loss": 3.0, "bpc": 5.0})
            assert read_metrics(run.metrics)[-1]["step"] == step


def test_steps_behind_the_last_save_are_dropped(tmp_path):
    run = RunDirectory(tmp_path)
    with Journal(run, 0) as journal:
        for step in (1, 2, 3):
            journal.write({"step": step, "loss": 3.0})
    with Journal(run, 2) as journal:
        journal.write({"step": 3, "loss": 2.0})
    assert [(record["step"], record["loss"]) for record in read_metrics(run.metrics)] == [
        (1, 3.0),
        (2, 3.0),
        (3, 2.0),
    ]


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    path.write_text('{"step": 1}\n{"st', encoding="utf-8")
    assert read_metrics(path) == [{"step": 1}]
