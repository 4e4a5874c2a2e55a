"""The papers: README and its companions exist, link, and name only commands and fields that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edge_runtime import cli
from vision.contract import InputSpec, ModelContract, OutputSpec
from vision.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
#: Papers that name commands.
WITH_COMMANDS = (
    "README.md",
    "LICENSING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/benchmarks.md",
    "docs/evaluation.md",
    "docs/model_contract.md",
    "docs/operation.md",
    "docs/training.md",
)


def _commands() -> list[str]:
    """Every `ferrogate ...` in a shell block or in inline code, comments and pipes cut off."""
    found = set()
    for name in WITH_COMMANDS:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S))
        found.update(re.findall(r"^ferrogate [^#|\n]+", blocks, re.M))
        found.update(re.findall(r"`(ferrogate [^`|]+)`", text))
    return sorted(command.strip() for command in found)


def test_the_papers_name_commands() -> None:
    assert len(_commands()) > 10


@pytest.mark.parametrize("command", _commands())
def test_every_command_in_the_papers_exists(command: str) -> None:
    """Parsed, not run: names, options and values are as the command takes them."""
    words = shlex.split(command)[1:]
    if set(words) & {"--help", "--version"}:
        with pytest.raises(SystemExit, match=r"^0$"):
            cli.build_parser().parse_args(words)
        return
    try:
        cli.build_parser().parse_args(words)
    except ConfigError as error:
        # Named in a sentence, without what it needs to run: then at least the name is right.
        if not any(word.startswith("-") for word in words) and "are required" in error.what:
            with pytest.raises(SystemExit, match=r"^0$"):
                cli.build_parser().parse_args([*words, "--help"])
        else:
            raise


def test_the_contracts_page_names_every_field() -> None:
    text = (ROOT / "docs" / "model_contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", text, re.M)
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    fields = set(ModelContract.model_fields) - {"input", "output"}
    fields |= {f"input.{name}" for name in InputSpec.model_fields}
    fields |= {f"output.{name}" for name in OutputSpec.model_fields}
    assert named == fields


#: Files that a fresh clone needs to be what the README says.
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "LICENSING.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "docs/line.svg",
    ],
)
def test_the_project_has_its_papers(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200


@pytest.mark.parametrize(
    "name", ["README.md", "LICENSING.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operation.md"]
)
def test_links_between_the_papers_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []
