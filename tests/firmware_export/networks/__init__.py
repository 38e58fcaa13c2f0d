"""Tests of firmware_export.networks."""
