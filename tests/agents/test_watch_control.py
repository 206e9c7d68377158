"""`trm watch` of an agent that edits control plans: an episode in a terminal, as a page and as a GIF."""

import io
import json
import re
from base64 import b64decode
from html.parser import HTMLParser

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from trm_agents import TRC
from trm_agents.commands.main import main
from trm_agents.replay import control

ENV = "ControlPlanEdit-DoubleIntegratorTight-v0"
KEYWORDS = {"max_edits": 3, "accept": "improving"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A briefly trained controller and its file."""
    trained = TRC("TRCPolicy", gym.make(f"trm_envs:{ENV}", **KEYWORDS), batch_size=16, seed=0, device="cpu").learn(320)
    path = tmp_path_factory.mktemp("model") / "controller.zip"
    trained.save(path)
    return trained, path


@pytest.fixture(scope="module")
def episode(model) -> control.ControlEpisode:
    env = gym.make(ENV, split="test", **KEYWORDS).unwrapped
    return control.play(model[0], env.mdp, env.source.instances[4])


def test_an_episode_is_what_predict_and_step_do(model, episode):
    env = gym.make(ENV, split="test", **KEYWORDS)
    observation, info = env.reset(seed=0, options={"instance": episode.frames[0].states.instances[0]})
    carried = None
    for before, frame in zip(episode.frames, episode.frames[1:], strict=False):
        assert before.cost == info["cost"]
        action, carried = model[0].predict(observation, carried, deterministic=True)
        observation, _, done, _, info = env.step(action)
        assert (frame.cost, frame.accepted) == (info["cost"], info["accepted"])
    assert done and episode.edits == 3 and episode.solved == info["is_success"]


def test_facts_tell_cost_change_and_refusals(episode):
    frames = episode.frames
    assert control.facts(episode, frames[0])["change"] == "" and frames[0].accepted is None
    refused = control.ControlFrame(1, frames[1].states, frames[1].checks, False)
    assert control.facts(episode, refused)["change"] == "refused"
    told = control.facts(episode, frames[1])
    expected = 100 * (frames[1].cost / frames[0].cost - 1)
    assert told["edits"] == "1 of 3" and float(told["cost J"]) == pytest.approx(frames[1].cost, rel=1e-5)
    assert float(told["change"].removesuffix(" %")) == pytest.approx(expected, rel=0.01)
    assert "violation" not in told


def test_a_descent_tells_units_and_the_constraint_that_is_violated(monkeypatch):
    mdp = gym.make("trm_envs:ControlPlanEdit-PoweredDescent-v0", split="validation").unwrapped.mdp
    instance = np.array([[500.0, 0.0, 1500.0, -20.0, 0.0, -40.0, 1800.0]])
    states = mdp.initial(instance)
    frame = control.ControlFrame(0, states, mdp.check(states), None)
    told = control.facts(control.ControlEpisode(mdp, (frame,)), frame)
    assert told["cost J"].endswith(" kg")
    assert mdp.task.constraints[int(frame.checks.worst[0])] in told["violation"]


def test_a_scene_shows_the_drawing_and_the_facts(episode):
    out = io.StringIO()
    control.perform(episode, "a title", Console(file=out, width=120), 0.0)
    text = out.getvalue()
    assert "a title" in text and f"{episode.frames[-1].cost:.6g}" in text and "3 of 3" in text
    out = io.StringIO()
    control.perform(episode, "a title", Console(file=out, width=120, force_terminal=True), 0.0)
    assert "1 of 3" in out.getvalue() and "3 of 3" in out.getvalue()


def test_a_page_holds_every_picture_and_nothing_from_elsewhere(episode):
    text = control.page(episode, "<title>")
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 4 and "&lt;title&gt;" in text and "http" not in text
    task = episode.mdp.task
    for frame, picture in zip(episode.frames, pictures, strict=True):
        drawn = task.render_image(frame.states.instances[0], frame.states.plans[0])
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(b64decode(picture)))), drawn)
    HTMLParser().feed(text)
    assert text.count("<figure hidden>") == 3 and text.count("<figure>") == 1


def test_watch_writes_what_it_is_asked_for(model, tmp_path, capsys):
    files = ["--html", str(tmp_path / "a.html"), "--gif", str(tmp_path / "a.gif")]
    words = ["watch", str(model[1]), "--env", ENV, "--env-kwargs", json.dumps(KEYWORDS), "--index", "4"]
    assert main([*words, *files, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["env"], told["index"], told["edits"]) == (ENV, 4, 3)
    assert Image.open(tmp_path / "a.gif").n_frames == 4
    assert f"controller · {ENV} · state 4" in (tmp_path / "a.html").read_text()
    assert main(words) == 0
    assert "3 of 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--attempts", "3"], "--puzzles and --attempts are for puzzles"),
        (["--env-kwargs", '{"generate": true}'], "one source"),
        (["--env-kwargs", '{"speed": 3}'], "speed"),
        (["--index", "200"], "--index must be within 0..199"),
    ],
)
def test_what_watch_cannot_do_is_said_in_words(model, more, message, capsys):
    assert main(["watch", str(model[1]), "--env", ENV, *more]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_a_controller_is_no_agent_for_puzzles_and_the_other_way_round(model, capsys):
    assert main(["watch", str(model[1]), "--env", "SudokuPlanEdit-4x4-v0"]) == 2
    assert "controller" in capsys.readouterr().err
    assert main(["watch", "zoo:upi-trm-sudoku-4x4", "--env", ENV]) == 2
    assert capsys.readouterr().err
