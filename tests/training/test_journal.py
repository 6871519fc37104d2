from novelgen.training.checkpoint import RunDirectory
from novelgen.training.journal import Journal, read_metrics


def test_a_step_can_be_read_as_soon_as_it_is_written(tmp_path):
    run = RunDirectory(tmp_path)
    with Journal(run, 0) as journal:
        for step in (1, 2):
            journal.write({"step": step, "loss": 3.0, "bpc": 5.0})
            assert read_metrics(run.metrics)[-1]["step"] == step
