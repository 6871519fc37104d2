"""Figures for people: curves and attention heatmaps."""
