import numpy as np

from novelgen.training.epochs import plan_epoch


def batches(workshop, epoch, **changes):
    config = workshop.config(**changes).training
    return [batch.tolist() for batch in plan_epoch(workshop.train, config, epoch).batches]


def test_an_epoch_has_every_pair_once(workshop):
    plan = plan_epoch(workshop.train, workshop.config().training, 3)
    assert plan.epoch == 3
    assert sorted(np.concatenate(plan.batches).tolist()) == list(range(len(plan.pairs)))


def test_the_plan_follows_from_the_epoch_and_the_seed(workshop):
    assert batches(workshop, 1) == batches(workshop, 1)
    assert batches(workshop, 1) != batches(workshop, 2)
    assert batches(workshop, 1) != batches(workshop, 1, seed=4)


def test_a_batch_holds_the_tokens_that_are_asked_for(workshop):
    assert len(batches(workshop, 0, batch_tokens=100)) > len(batches(workshop, 0))
