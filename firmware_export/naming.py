"""C identifiers from the names that people give."""

from __future__ import annotations

import re
from collections.abc import Collection

from firmware_export.errors import NameRefused

# C99, C11, C23 and C++20, lower case: a generated name never has another case.
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
        alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
        char32_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
        constinit continue decltype default delete do double dynamic_cast else enum explicit export extern
        false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
        operator or or_eq private protected public register reinterpret_cast requires restrict return short
        signed sizeof static static_assert static_cast struct switch template this thread_local throw true
        try typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t
        while xor xor_eq
        """,
    )
)


def identifier(name: str, taken: Collection[str] = ()) -> str:
    """The prefix of a model's symbols and files.

    Parameters
    ----------
    name : str
        What the user calls the model.
    taken : collection of str
        Identifiers that are in use already.

    Returns
    -------
    str
        Lower case letters, digits and ``_``; a digit in front gets an ``m``, a keyword of C or C++ an
        ``_`` behind.

    Raises
    ------
    NameRefused
        Nothing usable is left of the name, or its identifier is taken.

    Examples
    --------
    >>> identifier("Press 3 (K-means)")
    'press_3_k_means'
    >>> identifier("int")
    'int_'
    """
    # Underscores in front would give names that belong to the compiler; in a row they say nothing.
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not made:
        raise NameRefused(f"no C identifier can be made of the name {name!r}: use letters and digits")
    if made[0].isdigit():
        made = f"m{made}"
    if made in _KEYWORDS:
        made = f"{made}_"
    if made in taken:
        raise NameRefused(
            f"the name {name!r} gives the C identifier {made!r}, which another model has: rename one"
        )
    return made
