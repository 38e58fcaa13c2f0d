"""Trainers: one implementation a file, one table that names them.

`table` and `settings` need no numpy: the daemon itself uses them. Implementations run in the worker.
"""
