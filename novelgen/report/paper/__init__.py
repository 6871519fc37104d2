"""The written report of one or several runs: what is measured becomes a document."""
