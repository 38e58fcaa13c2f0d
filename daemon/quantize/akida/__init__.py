"""BrainChip's MetaTF: whether it is there, and the only place where it is called.

`akida` is proprietary and never a dependency; whoever installs the extra accepts its licence.
"""
