"""Honest evaluation of re-identification: who is asked, how it is scored, and what the figures are worth."""
