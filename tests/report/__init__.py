"""Tests of the page that a person looks at."""
