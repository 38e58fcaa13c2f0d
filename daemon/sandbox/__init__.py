"""Walls around code that came over the network: it computes on what it is given, and reaches nothing else.

`session` (the parent's side) starts `inside` (the child's side) behind one of three walls, hears what it
tells within bounds, and ends it. Nothing that comes out is trusted.
"""
