"""A disk whose power is cut: the real system calls of a run, replayed onto a disk that forgets what was
not synced.

`record` runs a command under strace. `Disk.after_cut` then gives the files as they may stand after a power
cut behind any of its calls: data is safe that was written before an fsync or fdatasync of its file began
which was over by then; of everything else any 512-byte sector is there or not. A name (made, moved,
deleted) is safe once its folder was synced; before that, any of them is there or not. This is harsher than
Linux' usual file systems are.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SECTOR_BYTES = 512
CALLS = (
    "openat,close,write,pwrite64,writev,pwritev,lseek,ftruncate,truncate,fallocate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,dup,dup2,dup3,link,linkat"
)
#: calls that this reader does not understand: none may touch a file of the run
_STRANGE = frozenset({"writev", "pwritev", "truncate", "dup", "dup2", "dup3", "link", "linkat", "rmdir"})
#: SQLite's shared memory index: made anew after a crash, whatever is in it
_NO_DATA = ("-shm",)
_LINE = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(.*)$", re.DOTALL)
_STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Op:
    """One call that changes the disk.

    Attributes:
        kind: write, size, sync, name, folder.
        began, ended: places in the order of all beginnings and ends of calls.
        inode: of the file, or of the folder that was synced or made.
        at, data: of a write.
        size_bytes: of a size; -1 for blocks that are only made sure of up to `at`.
        put, taken: names of a name's change: (folder inode, name) that `inode` gets, and that goes.
    """

    kind: str
    began: int
    ended: int
    inode: int
    at: int = 0
    data: bytes = b""
    size_bytes: int = 0
    put: tuple[int, str] | None = None
    taken: tuple[int, str] | None = None


@dataclass(slots=True)
class _Descriptor:
    inode: int
    at: int = 0
    append: bool = False


@dataclass(slots=True)
class Trace:
    """All that one run did to one folder, in order.

    Attributes:
        ops: that change the disk.
        told: words of the run, with the place in the order behind which they were true.
        root: inode of the folder.
    """

    ops: list[Op] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)
    root: int = 0
    calls: int = 0


def record(command: Sequence[str], trace: Path, cwd: Path) -> None:
    """Run a command under strace.

    Raises:
        CalledProcessError: it failed.
        FileNotFoundError: there is no strace.
    """
    strace = ["strace", "-f", "-qq", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run([*strace, *command], check=True, cwd=cwd, capture_output=True)


class _Reader:
    """Takes a trace apart: one process with threads."""

    def __init__(self, folder: Path, told: Path) -> None:
        self._folder, self._told = folder, told
        self._fds: dict[int, _Descriptor] = {}
        self._inodes: dict[Path, int] = {folder: 0}
        self._sizes: dict[int, int] = {}
        self._next_inode = 1
        self._order = 0
        self._told_fd = -1
        self.trace = Trace()

    def read(self, text: str) -> Trace:
        """The trace."""
        begun: dict[str, tuple[int, str, str]] = {}
        for line in text.splitlines():
            found = _LINE.match(line)
            if found is None:
                continue
            thread, name, rest = found.groups()
            self._order += 1
            if rest.endswith("<unfinished ...>"):
                begun[thread] = (self._order, name, rest.removesuffix("<unfinished ...>"))
                continue
            began = self._order
            if rest.startswith(" resumed>") and thread in begun:
                began, name, first = begun.pop(thread)
                rest = first + rest.removeprefix(" resumed>")
                self._order += 1
            arguments, _, result = rest.rpartition(" = ")
            value = result.split()[0] if result else "?"
            if value.lstrip("-").isdigit() and not value.startswith("-"):
                self._call(name, arguments.strip(), int(value), began)
        self.trace.calls = self._order
        return self.trace

    def _call(self, name: str, arguments: str, value: int, began: int) -> None:
        handler: Callable[[str, int, int], None] | None = getattr(self, f"_{name}", None)
        if handler is not None:
            handler(arguments, value, began)
        elif name in _STRANGE and self._is_ours(arguments):
            raise ValueError(
                f"the reader of traces does not know what {name} does to the disk: {arguments[:200]}"
            )

    def _is_ours(self, arguments: str) -> bool:
        number = re.match(r"\((\d+)", arguments)
        return (number is not None and int(number.group(1)) in self._fds) or any(
            self._inside(path) for path in _paths(arguments)
        )

    def _inside(self, path: Path) -> bool:
        return path == self._folder or self._folder in path.parents

    def _name_of(self, path: Path) -> tuple[int, str]:
        return self._inodes[path.parent], path.name

    def _add(self, op: Op) -> None:
        self.trace.ops.append(op)

    # -- calls --------------------------------------------------------------------------------

    def _openat(self, arguments: str, fd: int, began: int) -> None:
        path = _paths(arguments)[0]
        self._fds.pop(fd, None)
        if path == self._told:
            self._told_fd = fd
        if not self._inside(path) or path == self._told:
            return
        if path not in self._inodes:
            inode = self._new(path)
            self._add(Op("name", began, self._order, inode, put=self._name_of(path)))
        inode = self._inodes[path]
        if "O_TRUNC" in arguments and self._sizes.get(inode):
            self._sizes[inode] = 0
            self._add(Op("size", began, self._order, inode))
        self._fds[fd] = _Descriptor(inode, append="O_APPEND" in arguments)

    def _new(self, path: Path) -> int:
        inode = self._inodes[path] = self._next_inode
        self._next_inode += 1
        self._sizes[inode] = 0
        return inode

    def _close(self, arguments: str, _: int, __: int) -> None:
        fd = _numbers(arguments)[0]
        self._fds.pop(fd, None)
        if fd == self._told_fd:
            self._told_fd = -1

    def _pwrite64(self, arguments: str, count: int, began: int) -> None:
        fd, at = _numbers(arguments)[0], _numbers(arguments)[-1]
        if fd in self._fds:
            self._wrote(self._fds[fd].inode, at, _data(arguments)[:count], began)

    def _write(self, arguments: str, count: int, began: int) -> None:
        fd = _numbers(arguments)[0]
        if fd == self._told_fd:
            words = _data(arguments).decode("ascii").split("\n")
            self.trace.told += [(began, word) for word in words if word]
        if fd in self._fds:
            place = self._fds[fd]
            at = self._sizes[place.inode] if place.append else place.at
            self._wrote(place.inode, at, _data(arguments)[:count], began)
            place.at = at + count

    def _wrote(self, inode: int, at: int, data: bytes, began: int) -> None:
        self._sizes[inode] = max(self._sizes[inode], at + len(data))
        self._add(Op("write", began, self._order, inode, at, data))

    def _lseek(self, arguments: str, value: int, _: int) -> None:
        fd = _numbers(arguments)[0]
        if fd in self._fds:
            self._fds[fd].at = value

    def _ftruncate(self, arguments: str, _: int, began: int) -> None:
        fd, size = _numbers(arguments)[:2]
        if fd in self._fds:
            inode = self._fds[fd].inode
            self._sizes[inode] = size
            self._add(Op("size", began, self._order, inode, size_bytes=size))

    def _fallocate(self, arguments: str, _: int, began: int) -> None:
        fd, mode, offset, length = _numbers(arguments)[:4]
        if fd not in self._fds:
            return
        if mode:
            raise ValueError(f"fallocate of an unknown mode: {arguments}")
        inode = self._fds[fd].inode
        self._sizes[inode] = max(self._sizes[inode], offset + length)
        self._add(Op("size", began, self._order, inode, offset + length, size_bytes=-1))

    def _fsync(self, arguments: str, _: int, began: int) -> None:
        fd = _numbers(arguments)[0]
        if fd in self._fds:
            self._add(Op("sync", began, self._order, self._fds[fd].inode))

    _fdatasync = _fsync

    def _rename(self, arguments: str, _: int, began: int) -> None:
        old, new = _paths(arguments)[:2]
        if self._inside(old) != self._inside(new):
            raise ValueError(f"a rename across the folder's border: {arguments}")
        if self._inside(new):
            inode = self._inodes.pop(old)
            self._inodes[new] = inode
            put, taken = self._name_of(new), self._name_of(old)
            self._add(Op("name", began, self._order, inode, put=put, taken=taken))

    _renameat = _renameat2 = _rename

    def _unlink(self, arguments: str, _: int, began: int) -> None:
        path = _paths(arguments)[0]
        if self._inside(path) and path != self._told:
            inode = self._inodes.pop(path)
            self._add(Op("name", began, self._order, inode, taken=self._name_of(path)))

    _unlinkat = _unlink

    def _mkdir(self, arguments: str, _: int, began: int) -> None:
        path = _paths(arguments)[0]
        if self._inside(path):
            inode = self._new(path)
            self._add(Op("folder", began, self._order, inode, put=self._name_of(path)))

    _mkdirat = _mkdir


def _strings(arguments: str) -> list[bytes]:
    found = _STRING.findall(arguments.encode("ascii"))
    return [bytes.fromhex(text.decode("ascii").replace("\\x", "")) for text in found]


def _paths(arguments: str) -> list[Path]:
    return [Path(text.decode("utf-8", "surrogateescape")) for text in _strings(arguments)]


def _data(arguments: str) -> bytes:
    return _strings(arguments)[0]


def _numbers(arguments: str) -> list[int]:
    return [
        int(number)
        for number in re.findall(r"(?<![\w\\])\d+(?!\w)", _STRING.sub(b"", arguments.encode()).decode())
    ]


def read_trace(trace: Path, folder: Path) -> Trace:
    """What a run did to `folder`; words that it wrote into `folder`/told come apart."""
    return _Reader(folder, folder / "told").read(trace.read_text(encoding="utf-8"))


class Disk:
    """The disk of a run, to be cut off at any place.

    Args:
        trace: of the run.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._syncs: dict[int, list[Op]] = {}
        for op in trace.ops:
            if op.kind == "sync":
                self._syncs.setdefault(op.inode, []).append(op)

    def _safe(self, op: Op, inode: int, cut: int) -> bool:
        """Some sync of `inode` began after the call was over, and was over before the cut."""
        return any(sync.began > op.ended and sync.ended <= cut for sync in self._syncs.get(inode, ()))

    def after_cut(self, cut: int, dice: Random, kept: float, into: Path) -> None:
        """Write the files as they may stand after a power cut.

        Args:
            cut: place in the order of calls; one that has begun and is not over may be done in part.
            dice: decides what is kept of that which is not safe.
            kept: share of it, 0..1.
            into: folder to write into; anything there goes.
        """
        names: dict[tuple[int, str], int] = {}
        folders = {self._trace.root}
        contents: dict[int, bytearray] = {}
        for op in self._trace.ops:
            if op.began > cut:
                break
            if op.kind in ("name", "folder"):
                self._rename(op, names, cut, dice, kept)
                if op.kind == "folder":
                    folders.add(op.inode)
            elif op.kind in ("write", "size"):
                self._change(op, contents.setdefault(op.inode, bytearray()), cut, dice, kept)
        if into.exists():
            shutil.rmtree(into)
        self._lay_out(self._trace.root, into, names, folders, contents)

    def _rename(self, op: Op, names: dict[tuple[int, str], int], cut: int, dice: Random, kept: float) -> None:
        place = op.put or op.taken
        assert place is not None
        if not (op.ended <= cut and self._safe(op, place[0], cut)) and dice.random() >= kept:
            return
        if op.taken is not None:
            names.pop(op.taken, None)
        if op.put is not None:
            names[op.put] = op.inode

    def _change(self, op: Op, content: bytearray, cut: int, dice: Random, kept: float) -> None:
        safe = op.ended <= cut and self._safe(op, op.inode, cut)
        if op.kind == "size":
            if safe or dice.random() < kept:
                size = max(len(content), op.at) if op.size_bytes < 0 else op.size_bytes
                del content[size:]
                content.extend(bytes(size - len(content)))
            return
        at = op.at
        while at < op.at + len(op.data):
            end = min(op.at + len(op.data), (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if safe or dice.random() < kept:
                content.extend(bytes(max(0, end - len(content))))
                content[at:end] = op.data[at - op.at : end - op.at]
            at = end

    def _lay_out(
        self,
        folder: int,
        into: Path,
        names: dict[tuple[int, str], int],
        folders: set[int],
        contents: dict[int, bytearray],
    ) -> None:
        into.mkdir(parents=True)
        for (parent, name), inode in names.items():
            if parent != folder:
                continue
            if inode in folders:
                self._lay_out(inode, into / name, names, folders, contents)
            elif not name.endswith(_NO_DATA):
                (into / name).write_bytes(contents.get(inode, b""))
