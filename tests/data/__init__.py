"""Tests of `daemon.data`."""
