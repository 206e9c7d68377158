"""JSON texts that carry a checksum of themselves, as their last key.

A checksum finds damage: a flipped bit, an edit by hand, a torn copy. It is no signature; whoever means to deceive can
compute it too.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

KEY = "checksum"
_SEAL = re.compile(rf',(?: |\n )"{KEY}": "[0-9a-f]{{16}}"(\n?)\}}(\n?)\Z')
_END = re.compile(r"(\n?)\}(\n?)\Z")

State = Literal["intact", "damaged", "unsealed"]


def sealed(text: str) -> str:
    """A JSON object with the checksum of its text.

    Args:
        text: as `json.dumps` writes it, on one line or with an indent of 1; a newline may follow.

    Raises:
        ValueError: the text is no JSON object, or an empty one.
    """
    end = _END.search(text)
    if end is None or not text.startswith("{") or text.startswith("{}"):
        raise ValueError("only the text of a JSON object that is not empty can carry a checksum")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    separator = ",\n " if end[1] else ", "
    return f'{text[: end.start()]}{separator}"{KEY}": "{digest}"{end[1]}}}{end[2]}'


def opened(text: str) -> tuple[str, State]:
    """The JSON object inside, and whether it is what was sealed.

    A text that has no checksum where `sealed` puts it is `unsealed`, and returned as it is.
    """
    seal = _SEAL.search(text)
    if seal is None:
        return text, "unsealed"
    inner = f"{text[: seal.start()]}{seal[1]}}}{seal[2]}"
    try:
        return inner, "intact" if sealed(inner) == text else "damaged"
    except ValueError:
        return inner, "damaged"
