"""The command line: a module for each command, from its options to its printed summary."""
