"""The manifest lists what is there, and is written last."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from daemon.models.manifest import SCHEMA_VERSION, complete_version, write_json


def test_every_file_is_listed_with_size_and_digest(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "model.c").write_bytes(b"int x;\n")
    (tmp_path / "model.npz").write_bytes(b"")
    written = complete_version(tmp_path, {"version": 3})
    assert written == json.loads((tmp_path / "manifest.json").read_bytes())
    assert list(written) == ["schemaVersion", "version", "files"]
    assert written["schemaVersion"] == SCHEMA_VERSION
    assert written["files"] == {
        "c/model.c": {"size": 7, "sha256": hashlib.sha256(b"int x;\n").hexdigest()},
        "model.npz": {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()},
    }


def test_json_keeps_its_order_and_its_letters_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": "Prüfstand", "a": 1})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n "b": "Prüfstand",\n "a": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "y.json", {"a": float("nan")})
