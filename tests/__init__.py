"""Tests of trainerd: real broker, real daemon, real compilers."""
