"""Tests of `daemon.dsp`."""
