"""A stand-in for BrainChip's quantizeml, see ../README.md."""
