"""Turns a raw novel into clean paragraphs and tokens: bytes in, text out."""
