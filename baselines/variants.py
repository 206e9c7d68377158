"""Names of rows with other settings: `NAME@SETTING=VALUE@...`."""

from __future__ import annotations

import json
from typing import Any


def parsed(name: str) -> tuple[str, dict[str, Any]]:
    """`trm_ppo@k_cycles=5@mixer=conv` -> ("trm_ppo", {"k_cycles": 5, "mixer": "conv"}); what is no JSON is a string.

    Raises:
        ValueError: a setting is not written like that, or is there twice.
    """
    base, *texts = name.split("@")
    settings = dict(map(_setting, texts))
    if len(settings) < len(texts):
        raise ValueError(f"{name!r} gives a setting twice: leave out one of them")
    return base, settings


def _setting(text: str) -> tuple[str, Any]:
    setting, equals, value = text.partition("=")
    if not setting or not equals:
        raise ValueError(f"a variant is like NAME@SETTING=VALUE, got {text!r} after the @")
    try:
        return setting, json.loads(value)
    except json.JSONDecodeError:
        return setting, value
