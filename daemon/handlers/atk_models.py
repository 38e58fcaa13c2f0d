"""ATK's models: make, read."""

from __future__ import annotations

from typing import Any

from daemon.data.atk_models import AtkModel
from daemon.data.index import utc_now
from daemon.handlers.services import Call, Services
from daemon.wire.atk import PROJECT


def create(services: Services, call: Call) -> dict[str, Any]:
    """Make a model that is still to be trained."""
    return model_object(services, services.atk_models.create(call.body.name, call.body.model_type))


def get(services: Services, call: Call) -> dict[str, Any]:
    """A model."""
    return model_object(services, services.atk_models.get(call.ids["id"]))


def list_all(services: Services, call: Call) -> list[dict[str, Any]]:
    """Models, oldest first."""
    return [
        {"id": model.id, "name": model.name, "url": f"v1/models/{model.id}"}
        for model in services.atk_models.page(call.body.offset, call.body.count)
    ]


def model_object(services: Services, model: AtkModel) -> dict[str, Any]:
    """A model as ATK shows it, and the number of its version in use."""
    return {
        "id": model.id,
        "uri": f"models/{model.id}",
        "name": model.name,
        "entity_type": model.type,
        "status": "Active",
        "last_read_date": utc_now(),
        "version": services.registry.current(PROJECT, model.id),
        "links": [{"rel": "self", "uri": f"v1/models/{model.id}", "method": "GET"}],
    }
