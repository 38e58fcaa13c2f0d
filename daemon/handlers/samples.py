"""Samples after they were stored: changed one by one, deleted one by one or all at once."""

from __future__ import annotations

from typing import Any

from daemon.handlers.services import Call, Services


def edit_label(services: Services, call: Call) -> dict[str, Any]:
    """Give a sample another label; none where it is left out."""
    services.samples.edit_label(call.project_id, call.ids["sampleId"], call.body.label)
    services.quota.check(call.project_id)
    return {}


def rename(services: Services, call: Call) -> dict[str, Any]:
    """Give a sample another name."""
    services.samples.rename(call.project_id, call.ids["sampleId"], call.body.name)
    services.quota.check(call.project_id)
    return {}


def move(services: Services, call: Call) -> dict[str, Any]:
    """Put a sample into another category."""
    services.samples.move(call.project_id, call.ids["sampleId"], call.body.new_category)
    return {}


def set_metadata(services: Services, call: Call) -> dict[str, Any]:
    """Replace a sample's metadata; clear it where it is left out."""
    services.samples.set_metadata(call.project_id, call.ids["sampleId"], call.body.metadata)
    services.quota.check(call.project_id)
    return {}


def delete(services: Services, call: Call) -> dict[str, Any]:
    """Delete a sample."""
    services.samples.delete(call.project_id, call.ids["sampleId"])
    return {}


def delete_all(services: Services, call: Call) -> dict[str, Any]:
    """Delete all samples of a project, or of the category in the path."""
    services.projects.created(call.project_id)
    services.samples.delete_all(call.project_id, call.name or None)
    return {}
