"""Tests of `daemon.models`."""
