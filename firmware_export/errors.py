"""Every error of the exporter.

The tree, with the code that a caller may pass on::

    FirmwareExportError        export_failed
    ├── UnreadableModel        model_unreadable      the file is no model that can be exported
    ├── UnsupportedModel       model_unsupported     it is one, but has what the C cannot do
    ├── NameRefused            name_refused          a name gives no C identifier, or one that is taken
    └── OverBudget             over_budget           it takes more flash or RAM than is allowed
"""

from __future__ import annotations


class FirmwareExportError(Exception):
    """Base of all errors that the exporter raises on purpose.

    Parameters
    ----------
    message : str
        One sentence: what is wrong, and the remedy.
    """

    code = "export_failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnreadableModel(FirmwareExportError):
    """A file that holds no model of a known kind and format."""

    code = "model_unreadable"


class UnsupportedModel(FirmwareExportError):
    """A model with something that the C cannot do."""

    code = "model_unsupported"


class NameRefused(FirmwareExportError):
    """A name that gives no C identifier, or the same one as another name."""

    code = "name_refused"


class OverBudget(FirmwareExportError):
    """A model that takes more flash or RAM than the caller allows."""

    code = "over_budget"
