"""Options of `ferrogate train` as settings, and the command that makes a run anew."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import pytest

from training import cli
from vision.errors import ConfigError


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.register(parser)
    return parser.parse_args(words)


def test_defaults_are_the_plan() -> None:
    from training.plans import default_settings

    settings = cli._settings(_parse("rail"))
    assert settings == default_settings("rail").model_copy(update={"seed": 1})
    assert [stage.name for stage in settings.stages] == ["steel", "rail"]
    # Weights that are given take the place of the steel stage.
    assert [stage.name for stage in cli._settings(_parse("rail", "--pretrained", "w.pt")).stages] == ["rail"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frames", [("frames", 1.0)]),  # own frames, nothing composed
        ("frames:", [("frames", 1.0)]),  # a slip of the pen; all of it is meant
        ("frames:0.7,composed:0.3", [("frames", 0.7), ("composed", 0.3)]),
    ],
)
def test_sources_of_a_plants_own(text: str, expected: list[tuple[str, float]]) -> None:
    stage = cli._settings(_parse("rail", "--sources", text)).stages[-1]
    assert [(source.folder, source.share) for source in stage.sources] == expected


@pytest.mark.parametrize("text", ["", ":0.5", "frames:0", "frames:1.5", "frames:x", "a,a"])
def test_sources_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError) as found:
        cli._sources(text)
    assert found.value.where == "--sources"


@pytest.mark.parametrize(
    ("words", "option"),
    [(["--imgsz", "100"], "--imgsz"), (["--batch", "1"], "--batch"), (["--samples", "1"], "--samples")],
)
def test_a_value_out_of_range_names_its_option(words: list[str], option: str) -> None:
    with pytest.raises(ConfigError) as found:
        cli._train(_parse("rail", *words))
    assert found.value.where == option


def test_the_command_of_a_run_gives_the_same_settings() -> None:
    words = ["rail", "--epochs", "3", "--sources", "frames", "--batch", "8", "--seed", "4", "--threads", "1"]
    args: Any = _parse(*words)
    command = cli._command(args)
    assert command.startswith("ferrogate train rail --data data/rail --out runs/rail")
    again = _parse(*shlex.split(command)[2:])
    assert cli._settings(again) == cli._settings(args)
    assert again.out == args.out
