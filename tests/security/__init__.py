"""Signed requests, keys, and what a broker with the shipped templates lets pass."""
