# SPDX-License-Identifier: Apache-2.0
"""The state of the account: filesystems, paths in a sorted index, and their copy in a database when it shall last."""

import bisect
import json
import pathlib
import sqlite3
import threading

from content import Chunks, total_length
from leases import Lease

PROPERTIES = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "content-md5",
)
STAGED_S = 7 * 24 * 3600  # uncommitted data is dropped after this


def key_of(path):
    """Sorts a directory directly before all that is in it."""
    return path.replace("/", "\0")


def parent_of(path):
    return path.rpartition("/")[0]


class Node:
    """A file or directory. Content is a tuple of chunks; `staged` holds appends by position."""

    def __init__(self, clock, directory):
        self.directory = directory
        self.etag = None
        self.modified = self.created = clock.date()
        self.content = ()
        self.length = 0
        self.staged = {}
        self.staged_at = 0.0
        self.committed = []  # ids of the blocks that the content is made of
        self.by_blob = False  # its content came by the Blob endpoint
        self.properties = {}
        self.metadata = {}
        self.owner = self.group = "$superuser"
        self.permissions = "rwxr-x---" if directory else "rw-r-----"
        self.acl = ""
        self.expires = None
        self.transaction = None
        self.lease = Lease(clock)

    def set_content(self, chunks):
        self.content = tuple(chunks)
        self.length = total_length(self.content)

    def to_json(self):
        plain = {name: value for name, value in self.__dict__.items() if name not in ("content", "staged", "lease")}
        plain["content"] = [chunk.to_json() for chunk in self.content]
        plain["staged"] = {position: chunk.to_json() for position, chunk in self.staged.items()}
        plain["lease"] = self.lease.to_json()
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text, clock, chunks):
        plain = json.loads(text)
        node = cls(clock, plain["directory"])
        node.content = tuple(chunks.from_json(value) for value in plain.pop("content"))
        node.staged = {int(position): chunks.from_json(value) for position, value in plain.pop("staged").items()}
        node.lease = Lease(clock, plain.pop("lease"))
        node.__dict__.update(plain)
        return node

    def chunks(self):
        return (*self.content, *self.staged.values())


class Filesystem:
    """Paths have no slash at either end; the root is ''."""

    def __init__(self, name):
        self.name = name
        self.nodes = {}
        self.keys = []
        self.blocks = {}  # path: {id: chunk}, what Put Block brought; lost at a restart

    def children(self, path):
        """The range of the index that holds what is below a directory."""
        if not path:
            return bisect.bisect_right(self.keys, ""), len(self.keys)
        low = bisect.bisect_left(self.keys, key_of(path) + "\0")
        return low, bisect.bisect_left(self.keys, key_of(path) + "\1", low)

    def below(self, path):
        low, high = self.children(path)
        return [key.replace("\0", "/") for key in self.keys[low:high]]

    def has_children(self, path):
        low, high = self.children(path)
        return low < high


class Store:
    """Callers hold `lock` while they look or change. `save` and `drop` keep the database up to date."""

    def __init__(self, clock, folder=None):
        self.clock = clock
        self.lock = threading.RLock()
        self.filesystems = {}
        self.database = None
        self.chunks = Chunks(pathlib.Path(folder) / "content" if folder else None)
        if folder:
            self._load(pathlib.Path(folder) / "state.sqlite")

    def _load(self, path):
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("pragma journal_mode=wal")
        self.database.execute("pragma synchronous=off")
        self.database.execute(
            "create table if not exists node (fs text, path text, value text, primary key (fs, path))"
        )
        used = set()
        for name, path, value in self.database.execute("select fs, path, value from node"):
            filesystem = self.filesystems.setdefault(name, Filesystem(name))
            node = filesystem.nodes[path] = Node.from_json(value, self.clock, self.chunks)
            used.update(pathlib.Path(chunk.path).name for chunk in node.chunks() if chunk.path)
        for filesystem in self.filesystems.values():
            filesystem.keys = sorted(map(key_of, filesystem.nodes))
        self.chunks.forget_others(used)

    def close(self):
        with self.lock:
            if self.database:
                self.database.close()
            self.chunks.close()

    def new_etag(self):
        return f'"0x{self.clock.tick():X}"'

    def touch(self, node):
        """A change that readers see."""
        node.etag = self.new_etag()
        node.modified = self.clock.date()

    def save(self, filesystem, path, node):
        """Puts a node at its place, new or changed."""
        if path not in filesystem.nodes:
            bisect.insort(filesystem.keys, key_of(path))
        old = filesystem.nodes.get(path)
        filesystem.nodes[path] = node
        if self.database:
            self.database.execute("replace into node values (?, ?, ?)", (filesystem.name, path, node.to_json()))
        del old  # its files go only now

    def drop(self, filesystem, paths):
        if self.database:
            self.database.execute("begin")
            self.database.executemany(
                "delete from node where fs = ? and path = ?", [(filesystem.name, p) for p in paths]
            )
            self.database.execute("commit")
        gone = [filesystem.nodes.pop(path) for path in paths]
        if len(paths) == 1:
            del filesystem.keys[bisect.bisect_left(filesystem.keys, key_of(paths[0]))]
        else:
            lost = set(map(key_of, paths))
            filesystem.keys = [key for key in filesystem.keys if key not in lost]
        del gone

    def add_filesystem(self, name):
        filesystem = self.filesystems[name] = Filesystem(name)
        root = Node(self.clock, True)
        self.touch(root)
        self.save(filesystem, "", root)
        return filesystem

    def drop_filesystem(self, name):
        filesystem = self.filesystems.pop(name)
        if self.database:
            self.database.execute("delete from node where fs = ?", (name,))
        filesystem.nodes.clear()

    def find(self, filesystem, path):
        """The node, or None. What has run out goes at its next use."""
        node = filesystem.nodes.get(path)
        if node is None:
            return None
        if node.expires is not None and self.clock.steady() >= node.expires:
            self.drop(filesystem, [path])
            return None
        if node.staged and self.clock.steady() >= node.staged_at + STAGED_S:
            node.staged = {}
        return node

    def make_parents(self, filesystem, path):
        """Returns a parent that is a file, or None when all exist now."""
        missing = []
        parent = parent_of(path)
        while parent:
            node = self.find(filesystem, parent)
            if node is not None:
                if not node.directory:
                    return parent
                break
            missing.append(parent)
            parent = parent_of(parent)
        for parent in reversed(missing):
            node = Node(self.clock, True)
            self.touch(node)
            self.save(filesystem, parent, node)
        return None

    def move(self, filesystem, source, target_filesystem, target):
        """A path and all that is below it, in one step."""
        paths = [source, *filesystem.below(source)]
        nodes = [filesystem.nodes[path] for path in paths]
        if self.database:
            self.database.execute("savepoint move")
        for path, node in zip(paths, nodes):
            self.save(target_filesystem, target + path[len(source) :], node)
        if self.database:
            self.database.executemany(
                "delete from node where fs = ? and path = ?", [(filesystem.name, p) for p in paths]
            )
            self.database.execute("release move")
        for path in paths:
            filesystem.nodes.pop(path)
        lost = set(map(key_of, paths))
        if len(paths) == 1:
            del filesystem.keys[bisect.bisect_left(filesystem.keys, key_of(source))]
        else:
            filesystem.keys = [key for key in filesystem.keys if key not in lost]
