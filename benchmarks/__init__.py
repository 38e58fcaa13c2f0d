"""Figures: what was promised, what is measured, and what others need."""
