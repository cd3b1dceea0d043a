"""Simulated people, motion, radar and camera."""
