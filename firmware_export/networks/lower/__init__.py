"""Operators of TensorFlow Lite to steps of the integer network, one family a file."""
