"""Errors that a user can put right.

A message is one line in the user's language: what is wrong, where, and what to do about it. The
command line prints it and exits with code 2; an error of these kinds shows no traceback.
"""


class NovelgenError(Exception):
    """An error that the user can put right; the base of all the others."""


# One class for each place where a remedy is to be looked for.
class CorpusError(NovelgenError):
    """The raw text cannot be read, or holds nothing to learn from."""


class ConfigError(NovelgenError):
    """An option is unknown, out of range, or contradicts another."""


class CheckpointError(NovelgenError):
    """A run directory is missing, damaged, too new, or does not fit."""


class TrainingError(NovelgenError):
    """Training cannot go on: the loss is not a number, or memory does not hold a single pair."""
