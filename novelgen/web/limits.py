"""What one visitor may ask for, so that the others are served as well."""

from __future__ import annotations

from typing import Any

PROMPT = 20_000  # characters; of a longer manuscript the end is used, and the page says so
OPENING = 1_000  # characters of a given opening
LENGTH = 1_000  # tokens of a paragraph
PARAGRAPHS = 20  # in one go
MANUSCRIPT = 1_000_000  # characters on a page, with its drafts
# Characters of all pages that a session can go back to, and as many to come back to.
HISTORY = 2_000_000
CANDIDATES = 4
BEAM = 16
SEED = 2**53 - 1  # the largest whole number that a browser keeps exactly
# The most that one request may ask for, by the fields of DecodingConfig, whose own bounds hold too.
LARGEST = {
    "max_length": LENGTH,
    "min_length": LENGTH,
    "paragraphs": PARAGRAPHS,
    "num_samples": CANDIDATES,
    "beam_size": BEAM,
    "seed": SEED,
}
BODY = 8 * 2**20  # bytes of any request: a manuscript of two million characters
UPLOAD = 64 * 2**20  # bytes of the files of a novel that are dropped together
# Files are taken, and trainings started on them, by visitors on this machine alone.
UPLOADS_FROM_NETWORK = False
REMOVED_SHOWN = 1_000  # lines that cleaning took out of a novel
REMOVED_IN_MEMORY = 10_000  # of all removals of a novel, until they are looked at
TRAINING_MINUTES = 600  # of a training that is started from the page
# What the eye can follow; a browser on a slow machine needs most of a tenth of a second for one.
UPDATES_A_SECOND = 10

WRITERS = 2  # generations at once
WAITING = 32  # requests in line for all of them; further ones are answered that the line is full
# Everything that runs a model shares one line.
TURN: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": WRITERS}
# A novel is read while others write; two at once would take their time from each other.
READING: dict[str, Any] = {"concurrency_id": "reading", "concurrency_limit": 1}
