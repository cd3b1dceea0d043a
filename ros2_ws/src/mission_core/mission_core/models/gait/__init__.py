"""Matching by evidence about body and gait: our own network beside the Mission network."""
