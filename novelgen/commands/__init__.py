"""The command line: one module a command, wiring and words, nothing else."""
