"""The recipes that a changeover may choose from: the station file's own, its recipe folder, the catalogue.

A choice is a name, never a path: what lies outside the folder cannot be reached by it. Neighbours: the
page lists the names, the station's desk reads the one that was chosen, a starting station the one in force.
"""

from __future__ import annotations

from pathlib import Path

from edge_runtime.catalogue import is_name, named, names
from edge_runtime.config import StationConfig, load_recipe
from vision.errors import ConfigError
from vision.recipe import BallRecipe

_SUFFIXES = (".yaml", ".yml")


class RecipeShelf:
    """What one station can be changed over to.

    Args:
        config: its station file, read by `load_station` (paths in it are whole).
    """

    def __init__(self, config: StationConfig) -> None:
        self._own = config.recipe
        self._folder = config.recipes

    @property
    def own_name(self) -> str:
        """Name of the station file's own recipe."""
        return str(self._own) if is_name(str(self._own)) else self._own.name

    def names(self) -> tuple[str, ...]:
        """All names, the station file's own first, then those of the folder, then the catalogue's."""
        found = [self.own_name]
        if self._folder is not None and self._folder.is_dir():
            files = (path for path in self._folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
            found += sorted(path.name for path in files if not path.name.startswith("."))
        return tuple(dict.fromkeys((*found, *names())))

    def kept_name(self, name: str) -> str:
        """What the day's state remembers of a name: '' for the station file's own."""
        return "" if name in ("", self.own_name) else name

    def load(self, name: str) -> BallRecipe:
        """Read and check the recipe of that name; '' stands for the station file's own.

        Raises:
            ConfigError: no such name, two files of it, or the file cannot be used.
        """
        if not self.kept_name(name):
            if name:
                self._require_one(self._own)
            return load_recipe(self._own)
        return named(name) if is_name(name) else load_recipe(self._path(name))

    def _path(self, name: str) -> Path:
        # A plain file name: nothing that leads out of the folder, nothing hidden.
        plain = "/" not in name and "\\" not in name and "\0" not in name and not name.startswith(".")
        if self._folder is None or not plain or Path(name).suffix not in _SUFFIXES:
            raise ConfigError(
                f"'{name}' names no recipe",
                where="recipes" if self._folder is None else str(self._folder),
                todo="choose one of the list; recipes of your own lie in the folder that the station file "
                "names as 'recipes', as .yaml files",
            )
        return self._folder / name

    def _require_one(self, own: Path) -> None:
        """Refuse a name that another file in the folder bears too: nobody knows which is meant."""
        if self._folder is None or is_name(str(own)):
            return
        other = self._folder / own.name
        if other.is_file() and own.is_file() and not other.samefile(own):
            raise ConfigError(
                f"two recipes are called '{own.name}'",
                where=f"{own} and {other}",
                todo="rename one of them; the other is the station file's own recipe",
            )
