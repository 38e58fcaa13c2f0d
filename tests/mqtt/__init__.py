"""Tests of what goes over the broker, from outside."""
