"""Candidates side by side: problems, limits of time and memory, and an independent judge."""
