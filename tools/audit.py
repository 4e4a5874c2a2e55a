"""Audit of what an edge box installs: complete, pinned, of known licences, without known holes.

    python tools/audit.py            all of it
    python tools/audit.py --offline  without the last part

What needs no network is also a test (tests/test_dependencies.py): the packages fit each other (`pip check`),
every package that the bare install pulls in is pinned in constraints.txt and installed at its pin, its
licence is one that we take, and the edge imports nothing else. Known holes are looked up with pip-audit, at
PyPI; where that cannot be reached, or does not know a package, it is said aloud.

Exit codes: 0 audited and nothing found, 1 something is wrong, 3 nothing is wrong but known holes could not be
looked up.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
NOT_AUDITED = 3
EDGE_ROOMS = ("vision", "edge_runtime")
OWN = {"vision", "edge_runtime", "datasets", "training", "export", "ferrogate_models"}
#: Licences that an edge box may carry, as they are named in the packages' metadata, lower case.
ALLOWED = {
    "0bsd",
    "apache 2.0",
    "apache software license",
    "apache-2.0",
    "bsd",
    "bsd license",
    "bsd-2-clause",
    "bsd-3-clause",
    "3-clause bsd license",
    "cc0-1.0",
    "mit",
    "mit license",
    "mit-0",
    "mit-cmu",
    "psf-2.0",
    "psfl",
    "python software foundation license",
    "zlib",
}
#: Packages of another licence, each with what it is and why it may be there.
TAKEN_ALL_THE_SAME = {
    # Used as it is, as a library of its own that anybody can replace: what the LGPL asks for.
    "fpdf2": "lgpl-3.0-only",
}
#: Imported at the edge where they are installed, and not part of the bare install: import name -> why.
OPTIONAL = {
    "openvino": "an execution provider",
    "skimage": "the rival in 'ferrogate bench metrology'",
    "playwright": "'ferrogate bench page' and 'bench' extra",
    "PIL": "comes with matplotlib",
}


def pins() -> dict[str, str]:
    """Exact versions of constraints.txt by canonical name."""
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, version = line.partition("==")
            found[canonicalize_name(name)] = version.strip()
    return found


def edge_packages() -> dict[str, str]:
    """Everything that the bare install pulls in, by canonical name: the version installed here.

    Raises:
        metadata.PackageNotFoundError: one of them is not installed here.
    """
    found: dict[str, str] = {}
    # Not from what is installed of ferrogate: that may be older than this tree.
    with (ROOT / "pyproject.toml").open("rb") as file:
        waiting = [Requirement(text) for text in tomllib.load(file)["project"]["dependencies"]]
    seen: set[str] = set()
    while waiting:
        asked = waiting.pop()
        if str(asked) in seen:
            continue
        seen.add(str(asked))
        package = metadata.distribution(asked.name)
        found[canonicalize_name(asked.name)] = package.version
        for text in package.requires or ():
            more = Requirement(text)
            extras = ("", *asked.extras)
            if more.marker is None or any(more.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(more)
    return found


def licences(name: str) -> set[str]:
    """What a package says of its licence, lower case: its expression's parts, else classifiers, else text."""
    about = metadata.distribution(name).metadata
    for expression in about.get_all("License-Expression") or ():
        return {part.strip("() ").lower() for part in re.split(r"\b(?:AND|OR)\b", expression)}
    classifiers = [text for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    named = {text.rpartition("::")[2].strip().lower() for text in classifiers} - {"osi approved"}
    text = "".join(about.get_all("License") or ()).strip()
    return named or {(text or "none stated").splitlines()[0].strip().lower()}


def wrong_pins() -> list[str]:
    """Packages of the bare install that constraints.txt lacks, or that are installed at another version."""
    pinned = pins()
    return [
        f"{name}: installed {version}, constraints.txt has {pinned.get(name) or 'no such line'}"
        for name, version in sorted(edge_packages().items())
        if pinned.get(name) != version
    ]


def wrong_licences() -> list[str]:
    """Packages of the bare install under a licence that is not on the list."""
    wrong = []
    for name in sorted(edge_packages()):
        found = licences(name)
        if not found <= ALLOWED | {TAKEN_ALL_THE_SAME.get(name, "")}:
            wrong.append(f"{name}: {', '.join(sorted(found))}")
    return wrong


def _imports(path: Path) -> Iterator[str]:
    """Top-level names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def wrong_imports() -> list[str]:
    """Imports of the edge that are neither Python's, ours, nor of a package of the bare install."""
    edge = set(edge_packages())
    of_name = metadata.packages_distributions()
    wrong = []
    for room in EDGE_ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for name in sorted(set(_imports(path))):
                if name in sys.stdlib_module_names or name in OWN or name in OPTIONAL:
                    continue
                if not {canonicalize_name(package) for package in of_name.get(name, ())} & edge:
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    return wrong


def unfit() -> list[str]:
    """What `pip check` says against this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return [] if done.returncode == 0 else (done.stdout or done.stderr).splitlines()


def known_holes() -> tuple[list[str], list[str]]:
    """Known holes of the pinned packages, and why packages could not be looked up."""
    if find_spec("pip_audit") is None:
        return [], ["pip-audit is not installed here: 'make audit' installs it"]
    edge = edge_packages()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
        wanted.write("".join(f"{name}=={version}\n" for name, version in sorted(edge.items())))
        wanted.flush()
        command = ("-m", "pip_audit", "--requirement", wanted.name, "--no-deps", "--disable-pip")
        done = subprocess.run(
            [sys.executable, *command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    try:
        answer = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [], [f"pip-audit broke off: {last}"]
    holes = [
        f"{item['name']} {item['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'no version'}"
        for item in answer
        for hole in item.get("vulns", ())
    ]
    skipped = [f"{item['name']}: {item['skip_reason']}" for item in answer if "skip_reason" in item]
    return holes, skipped


def main() -> int:
    """Print the outcome of every part; see the module for the exit codes."""
    checks = {
        "packages fit each other": unfit(),
        "every package of the edge is pinned": wrong_pins(),
        "every licence is one we take": wrong_licences(),
        "the edge imports nothing else": wrong_imports(),
    }
    skipped: list[str] = []
    if "--offline" not in sys.argv[1:]:
        checks["no known holes"], skipped = known_holes()
    for name, wrong in checks.items():
        open_ = skipped and name == "no known holes"
        print(f"{'WRONG' if wrong else 'open ' if open_ else 'good '}  {name}")
        for line in wrong:
            print(f"         {line}")
    for name in sorted(edge_packages()):
        print(f"         {name} {metadata.version(name)}: {', '.join(sorted(licences(name)))}")
    if skipped:
        print(
            f"NOT AUDITED for known holes, {len(skipped)} of {len(edge_packages())} packages:",
            file=sys.stderr,
        )
        for line in skipped[:10]:
            print(f"         {line}", file=sys.stderr)
        print("         run it where PyPI's list of known holes can be reached", file=sys.stderr)
    if any(checks.values()):
        return 1
    return NOT_AUDITED if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
