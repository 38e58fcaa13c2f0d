"""Tests of `daemon.deploy`."""
