"""Files that are made from published rows: written, or checked against what they would be."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from benchmarks.protocol.records import write_atomically


def settle(path: Path, text: str, check: bool) -> int:
    """Write a text where it differs from the file, or print how it differs; the command's exit code.

    Args:
        path: the file; it may not exist.
        text: what it is to say.
        check: change nothing; 1 where the file is out of date.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if check:
        a, b = (content.splitlines(keepends=True) for content in (old, text))
        sys.stderr.writelines(difflib.unified_diff(a, b, path.name, "from published rows"))
        return int(old != text)
    if old != text:
        write_atomically(path, text)
    return 0
