"""Tests of `daemon.trainers`."""
