"""Build the frozen pools from their seeds, or compare a rebuild with the shipped files; knows no puzzle."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from trm_envs import pools
from trm_envs.building.files import write
from trm_envs.pools.source import PoolSource


def encode(lines: Sequence[str]) -> bytes:
    """Return the text of a split: ASCII, one instance a line, with a final line end."""
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def compress(text: bytes) -> bytes:
    """Return gzip bytes that depend on the text and the zlib library only: no time, no file name, fixed level."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text)
    return buffer.getvalue()


def build_pools(sources: Iterable[PoolSource], order: Collection[str]) -> None:
    """Generate the given pools, write their files and update the manifest, each file atomically.

    Args:
        sources: the pools.
        order: names of all pools, as the manifest lists them.
    """
    path = pools.ROOT / "manifest.json"
    entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for source in sources:
        splits = {}
        for split, lines in source.generate().items():
            name, data = f"{source.name}.{split}.txt.gz", compress(encode(lines))
            write(pools.ROOT / "data" / name, data)
            splits[split] = {"file": name, "sha256": _sha256(data), **_facts(source, lines)}
        entries[source.name] = {"seed": source.seed, "splits": splits}
        entries = {name: entries[name] for name in (*order, *entries) if name in entries}
        write(path, (json.dumps(entries, indent=1) + "\n").encode("ascii"))
    pools.manifest.cache_clear()
    pools.load.cache_clear()


def check_pools(sources: Iterable[PoolSource]) -> tuple[list[str], list[str]]:
    """Rebuild the given pools in memory and compare them with the manifest and the shipped files.

    Returns:
        Differences, and notes. Equal text under other gzip bytes is only a note: zlib builds compress differently.
    """
    differences, notes = [], []
    for source in sources:
        recorded = pools.manifest().get(source.name, {"seed": None, "splits": {}})
        if recorded["seed"] != source.seed:
            differences.append(f"{source.name}: the manifest records seed {recorded['seed']}, not {source.seed}")
        for split, lines in source.generate().items():
            entry = recorded["splits"].get(split, {})
            place = f"{source.name}.{split}"
            for fact, value in _facts(source, lines).items():
                if entry.get(fact) != value:
                    differences.append(f"{place}: {fact} is {value}, the manifest records {entry.get(fact)}")
            if entry and encode(pools.load(source.name, split)) != encode(lines):
                differences.append(f"{place}: the shipped text is not the rebuilt one")
            elif entry and entry["sha256"] != _sha256(compress(encode(lines))):
                notes.append(f"{place}: same text, but this zlib compresses it to other bytes")
    return differences, notes


def _facts(source: PoolSource, lines: Sequence[str]) -> dict[str, Any]:
    return {"text_sha256": _sha256(encode(lines)), "count": len(lines), **source.describe(lines)}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
