"""Cards of agents are not believed: damage and contradictions are found, and named by file."""

import json
import random

import pytest

from trm_agents import zoo
from trm_agents.common.sealing import opened, sealed
from trm_agents.zoo.cards import read_card

NAME = "upi-trm-sudoku-9x9"


def test_every_one_of_300_flipped_bits_of_a_card_is_found(tmp_path):
    whole, rng = (zoo.AGENTS / f"{NAME}.json").read_bytes(), random.Random(0)
    path = tmp_path / f"{NAME}.json"
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(damaged))
        with pytest.raises(ValueError, match=rf"{NAME}\.json"):
            read_card(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "it is the card of 'other'"),
        ({"sha256": "ab"}, "sha256 is 'ab', which is no SHA-256"),
        ({"n": 5}, "success is"),
        ({"n": "many"}, "is no card of an agent"),
        ({"policy": {}}, "is no card of an agent"),
        ({"policy": 5}, "is no card of an agent"),
        ({"policy": {"success": float("nan")}}, "a number is below 0 or none"),
        ({"policy": {"interval": [0.0, 0.1]}}, "is not within"),
        ({"policy": {"interval": ["a", "b"]}}, "is no card of an agent"),
        ({"policy": {"solved": 99999}}, "but 99999 of"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(tmp_path, changes, message):
    """Sealed anew, so that no checksum tells."""
    text, _ = opened((zoo.AGENTS / f"{NAME}.json").read_text())
    values = json.loads(text)
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) and value else value
    path = tmp_path / f"{NAME}.json"
    path.write_text(sealed(json.dumps(values, indent=1) + "\n"))
    with pytest.raises(ValueError, match=rf"{NAME}\.json.*{message}"):
        read_card(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"schema": "agent-card/3"}'])
def test_what_is_no_card_is_refused(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.json"):
        read_card(path)
