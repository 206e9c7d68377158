"""Pictures and text of control plans."""

from __future__ import annotations

import re

import gymnasium as gym
import numpy as np
import pytest
from control_helpers import IDS, some_action

from trm_envs.control.phase_plane import Portrait, image, text


def portrait(**changes):
    facts = {
        "states": np.array([[1.0, 0.0], [0.5, -0.5], [0.0, 0.0]]),
        "controls": np.array([-1.5, 1.5, 0.2, np.nan]),
        "u_max": 1.5,
        "tolerance": 0.1,
        "state_units": ("position (m)", "velocity (m/s)"),
        "control_unit": "acceleration (m/s^2)",
        "cost": 12.34567,
        "success": True,
    }
    return Portrait(**{**facts, **changes})


def plain(words):
    return re.sub(r"\x1b\[[\d;]*m", "", words)


@pytest.mark.parametrize("env_id", IDS)
def test_images_have_a_handy_even_size_and_every_action_shows(env_id):
    for mode in ("rgb_array", "ansi"):
        env = gym.make(env_id, render_mode=mode).unwrapped
        env.reset(seed=0)
        before = env.render()
        env.step(some_action(np.random.default_rng(0), env.action_space))
        assert np.any(env.render() != before)
        if mode == "rgb_array":
            assert before.shape == (480, 480, 3) and before.dtype == np.uint8 and before.flags.writeable


def test_the_text_says_cost_ends_units_and_bounds():
    lines = plain(text(portrait())).splitlines()
    assert lines[0] == "cost 12.3457   last state (0.000, 0.000), at the target"
    assert "position (m): -1.08 to 1.08 across; velocity (m/s): -0.54 to 0.54 upwards" in lines[1]
    assert lines[-1].startswith("▁█▅   acceleration (m/s^2), -1.5 to 1.5") or "▁█" in lines[-1]
    plane = lines[2:-1]
    assert len(plane) == 21 and max(map(len, plane)) <= 61
    # The path ends on the target; it starts at the right, on the axis, and dips below it in between.
    assert plane[10][30] == "E" and plane[10][58] == "S"
    assert any("•" in row for row in plane[11:]) and not any("•" in row for row in plane[:10])


def test_controls_at_their_bound_are_red_and_unknown_ones_blank():
    bars = text(portrait()).splitlines()[-1]
    assert bars.startswith("\x1b[31m▁\x1b[0m\x1b[31m█\x1b[0m")
    assert plain(bars)[3] == " "


def test_the_end_is_red_off_the_target():
    missed = text(portrait(success=False, states=np.array([[1.0, 0.0], [0.5, -0.5]])))
    assert "\x1b[1;31mE" in missed and "\x1b[1;32mE" not in missed
    assert "not at the target" in missed

    def reds(pixels):
        return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 60) & (pixels[..., 2] < 70)).sum())

    calm = np.full(4, 0.2)
    assert reds(image(portrait(success=True, controls=calm))) == 0
    assert reds(image(portrait(success=False, controls=calm))) > 20


def test_a_path_that_diverges_is_drawn_up_to_there():
    far = portrait(states=np.array([[1.0, 0.0], [2.0, 1.0], [np.inf, np.nan], [np.nan, np.nan]]), cost=np.inf)
    assert "-2.16 to 2.16" in text(far)
    assert image(far).shape == (480, 480, 3)
    assert image(portrait(states=np.array([[0.0, 0.0]]))).shape == (480, 480, 3)
