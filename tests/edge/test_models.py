"""Finding and reading model files."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge_runtime.models import model_path, read_model
from vision.errors import ConfigError, ContractError, FerrogateError


def test_a_path_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"model")
    model = read_model(str(path))
    assert (model.data, model.path, model.name) == (b"model", path, str(path))
    assert model.sha256 == hashlib.sha256(b"model").hexdigest()


def _install(monkeypatch: pytest.MonkeyPatch, folder: Path, shipped: str) -> None:
    """The real package's code over a folder of its own."""
    (folder / "shipped.json").write_text(shipped, encoding="utf-8")
    package = importlib.import_module("ferrogate_models")
    monkeypatch.setattr(package, "_HERE", folder)


def test_shipped_model_comes_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, tmp_path, '{"ball": {"default": "int8", "fp32": "b.onnx", "int8": "b8.onnx"}}')
    assert model_path("ferrogate-models:ball") == tmp_path / "b8.onnx"
    assert model_path("ferrogate-models:ball_int8") == tmp_path / "b8.onnx"
    assert model_path("ferrogate-models:ball_fp32") == tmp_path / "b.onnx"
    with pytest.raises(ConfigError, match="ships no rail model") as caught:
        model_path("ferrogate-models:rail")
    assert caught.value.where == "ferrogate-models:rail"


def test_default_without_int8_and_an_older_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, tmp_path, '{"rail": {"default": "fp32", "fp32": "rail.onnx"}}')
    assert model_path("ferrogate-models:rail") == tmp_path / "rail.onnx"
    with pytest.raises(ConfigError, match="ships no rail_int8 model"):
        model_path("ferrogate-models:rail_int8")
    monkeypatch.setitem(sys.modules, "ferrogate_models", ModuleType("ferrogate_models"))
    with pytest.raises(ConfigError, match="ships no rail model"):
        model_path("ferrogate-models:rail")


def test_a_broken_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, tmp_path, '{"ball": ')
    with pytest.raises(ConfigError, match="is broken"):
        model_path("ferrogate-models:ball")


def test_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ferrogate_models", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        read_model("ferrogate-models:ball")
    assert "pip install" in caught.value.todo


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("missing.onnx", None, ConfigError),
        ("empty.onnx", b"", ContractError),
        ("ferrogate-models:cube", None, ConfigError),
    ],
)
def test_no_model(name: str, content: bytes | None, error: type[FerrogateError], tmp_path: Path) -> None:
    spec = name if ":" in name else str(tmp_path / name)
    if content is not None:
        Path(spec).write_bytes(content)
    with pytest.raises(error) as caught:
        read_model(spec)
    assert caught.value.where == spec
    assert caught.value.todo
