"""Flashers against bootloaders: genuine ones, our own, and stand-ins that are named so."""
