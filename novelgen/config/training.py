"""The options of a training: its budget, its optimizer, and how often it is validated and saved."""

from __future__ import annotations

from dataclasses import dataclass

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.options import Checked, option

# Choices that other modules check as well.
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")

# The value of `init` for a start from scratch.
NO_INIT = "none"

# Target tokens in the largest batch that `auto` takes.
LARGEST_BATCH = 3200


@dataclass(frozen=True)
class TrainingConfig(Checked):
    """The budget, the optimizer, and how often a run is validated and saved."""

    # The budget: training ends with whichever of these is used up first.
    epochs: int | None = option(
        None, N_("training budget in passes over the training pairs"), minimum=1
    )
    max_steps: int | None = option(None, N_("training budget in optimizer steps"), minimum=1)
    max_minutes: float | None = option(None, N_("training budget in minutes"), above=0)
    # The batch: padding counts, so that every batch needs about the same memory.
    batch_tokens: int | None = option(
        None,
        N_("target tokens in a batch, padding included; auto makes small ones of a small budget"),
        minimum=1,
        auto=True,
    )
    accumulation_steps: int = option(
        1,
        N_(
            "compute each batch in this many parts and add up their gradients: the same step in "
            "less memory"
        ),
        minimum=1,
    )
    # What training begins with; `novelgen.training.warm_start`.
    init: str = option(
        "auto",
        N_(
            "the first weights: none begins from scratch, a run directory with that run's weights, "
            "auto with the base model that comes with the program where it fits (a novel, "
            "characters, the default model); the vocabulary then has all of that model's, unless "
            "--vocabulary-size is given, and at the end the weights are averaged with the first "
            "ones as far as validation gains by it"
        ),
    )
    # The optimizer: a linear warm-up, then half a cosine down to the final rate.
    learning_rate: float | None = option(
        None,
        N_("peak learning rate; auto: 0.003, less for a run that begins with trained weights"),
        above=0,
        maximum=1,
        auto=True,
    )
    final_learning_rate: float = option(
        0.05,
        N_("learning rate at the end of the budget, as a fraction of the peak"),
        minimum=0,
        maximum=1,
    )
    warmup_steps: int | None = option(
        None,
        N_("steps of linear learning rate warm-up; auto: 50, fewer where the budget is small"),
        minimum=0,
        auto=True,
    )
    weight_decay: float = option(
        0.01, N_("decoupled weight decay of the weight matrices"), minimum=0, maximum=1
    )
    clip_norm: float = option(1.0, N_("clip gradients to this norm"), above=0)
    # Below 1, scheduled sampling; `novelgen.training.scheduled_sampling`.
    teacher_forcing: float = option(
        1.0,
        N_(
            "share of true tokens that the decoder reads at the end of the budget, falling in a "
            "line from 1; the others are drawn from the model itself (scheduled sampling)"
        ),
        minimum=0,
        maximum=1,
    )
    # Validation, early stopping and saves.
    validate_every: int | None = option(
        None, N_("steps between validations (default: about one epoch)"), minimum=1
    )
    patience: int = option(
        5, N_("stop after this many validations in a row without progress"), minimum=1
    )
    save_every: int = option(200, N_("steps between saves for --resume"), minimum=1)
    # Beside the network; it is counted when training ends.
    ngram_order: int = option(
        3,
        N_(
            "order of the n-gram model that is counted of the training text, for evaluate and "
            "--ngram-weight; 0 is none"
        ),
        minimum=0,
        maximum=8,
    )
    # The hardware.
    precision: str = option(
        "auto",
        N_("number format to compute in; auto takes bfloat16 where it is faster"),
        choices=PRECISIONS,
    )
    device: str = option("auto", N_("device to compute on"), choices=DEVICES)
    # Everything random follows from it: the first weights, the batches, the dropout masks.
    seed: int = option(1, N_("random seed"), minimum=0, maximum=2**63 - 1)

    @property
    def evaluation_tokens(self) -> int:
        """Target tokens in a batch without gradients: without them twice as many fit.

        No fewer than twice the largest batch that `auto` takes: a small one is for its many steps.
        """
        return 2 * max(self.batch_tokens or 0, LARGEST_BATCH)


# Any of them ends a training; one that is given replaces all that a run had.
BUDGETS = ("epochs", "max_steps", "max_minutes")


def check_budget(config: TrainingConfig) -> None:
    """Raises ConfigError for a training that would never end."""
    if all(getattr(config, name) is None for name in BUDGETS):
        raise ConfigError(_("give a budget: --epochs, --max-steps or --max-minutes"))
