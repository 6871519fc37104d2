"""Mistakes that a user can make and mend.

A message is one line that says what is wrong, where, and the remedy, Chinese first with English beside
it. The command line prints it and exits with code 2; nobody sees a traceback for a mistake of these kinds.
"""


class NovelgenError(Exception):
    """Anything that the user can mend; the base of all the others."""


class CorpusError(NovelgenError):
    """The raw text cannot be read, or holds nothing to learn from."""


class ConfigError(NovelgenError):
    """An option is unknown, out of range, or contradicts another."""


class CheckpointError(NovelgenError):
    """A run directory is missing, damaged, too new, or does not fit."""


class TrainingError(NovelgenError):
    """Training cannot go on as configured: the loss is no number, or not even one pair fits into memory."""
