"""Typed payloads of the wire, and strict decoding into them. Nothing here does any work."""
