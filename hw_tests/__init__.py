"""Hardware in the loop: emulated boards by default, real ones where there are any."""
