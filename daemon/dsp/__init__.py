"""DSP blocks: from windows of samples to the features that learn blocks train on.

`table` and `outputs` need no numpy: the daemon itself uses them. The blocks do, in the worker.
"""
