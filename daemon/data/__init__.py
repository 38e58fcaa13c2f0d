"""Recorded data: what is there (`index`, without numpy) and its values (`dataset`)."""
