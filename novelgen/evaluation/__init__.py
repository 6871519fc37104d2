"""Bits per character, and what generated text looks like in numbers."""
