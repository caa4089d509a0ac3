"""YAML files and folders as plain values, as strict as kubectl: a key that is written twice is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import Rejected

SUFFIXES = (".yaml", ".yml", ".json")


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def contents(path: Path) -> Iterator[tuple[str, object]]:
    """Each document of a file, or of a folder's files in the order of their names, with its place in words.

    Raises Rejected on what cannot be read, is no YAML, or is empty.
    """
    if path.is_dir():
        files = sorted(item for item in path.iterdir() if item.suffix in SUFFIXES and item.is_file())
        if not files:
            raise Rejected(f"{path}: no file ending in {', '.join(SUFFIXES)} in this folder")
    else:
        files = [path]
    for file in files:
        yield from _documents(file)


def _documents(file: Path) -> Iterator[tuple[str, object]]:
    try:
        # The loader is a SafeLoader: it builds plain values alone.
        found = list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=_StrictLoader))
    except OSError as error:
        raise Rejected(f"{file}: cannot be read: {error.strerror or error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Rejected(f"{file}: is no YAML: {error.problem}{where}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Rejected(f"{file}: is no YAML: {' '.join(str(error).split())}") from None
    if all(item is None for item in found):
        raise Rejected(f"{file}: is empty; write a DataBackbone or an IngestPlan into it, or leave it out")
    for number, item in enumerate(found, start=1):
        if item is not None:
            yield (f"{file} (document {number})" if len(found) > 1 else str(file)), item
