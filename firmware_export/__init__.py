"""Quantized models to self-contained C99."""
