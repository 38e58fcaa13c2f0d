"""Tests of jobs: record, queue, outbox."""
