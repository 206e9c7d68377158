"""`watch`: an episode recorded, shown in a terminal and written as a page."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from PIL import Image
from rich.console import Console
from stable_baselines3 import PPO

from benchmarks import cli
from benchmarks.running import models
from benchmarks.running.models import Label
from trm_agents import UPITRM, Attempts, HindsightTRM, zoo
from trm_agents.commands.main import main
from trm_agents.recursive_policies import RecursivePolicy
from trm_agents.replay import episode as replay
from trm_agents.replay import terminal
from trm_agents.replay.page import page, page_data
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import PlanTask

AGENT = "zoo:upi-trm-sudoku-4x4"
ENV = "SudokuPlanEdit-4x4-v0"
# A stop action and erasing, a maze, and a board with more edits a cell than fit in one column of bars.
OTHERS = [
    (ENV, {"stop_action": "noop", "allow_erase": True, "max_edits": 5}),
    ("MazePlanEdit-5x5-v0", {"max_edits": 6}),
    ("SudokuPlanEdit-9x9-v0", {"max_edits": 3}),
]


@pytest.fixture(scope="module")
def solved() -> replay.Episode:
    env = made(ENV, {})
    agent = replay.PolicyAlone(zoo.load("upi-trm-sudoku-4x4", env=env, device="cpu"))
    return replay.play(agent, env.unwrapped.source.instances[0])


def made(env_id: str, keywords: dict) -> gym.Env:
    return gym.make(f"trm_envs:{env_id}", split="test", **keywords)


def untrained(env_id: str, keywords: dict, algorithm=HindsightTRM, **settings):
    """A model that never learned, shaken so that its policy is not uniform, and an episode of it."""
    policy = "TokenPolicy" if algorithm is HindsightTRM else "TRMPolicy"
    env = made(env_id, keywords)
    model = algorithm(policy, env, seed=0, device="cpu", **settings)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model, replay.play(replay.PolicyAlone(model), env.unwrapped.source.instances[0])


@pytest.mark.parametrize("algorithm", [UPITRM, HindsightTRM])
@pytest.mark.parametrize(("env_id", "keywords"), OTHERS)
def test_an_episode_is_what_predict_and_step_do(env_id, keywords, algorithm):
    model, episode = untrained(env_id, keywords, algorithm)
    env = gym.make(env_id, split="test", **keywords)
    instance = episode.frames[0].states.instances[0]
    observation, info = env.reset(seed=0, options={"puzzle": instance})
    for frame in episode.frames[:-1]:
        for key, value in observe(frame.states).items():
            np.testing.assert_array_equal(value[0], observation[key])
        assert frame.checks.score[0] == info["score"]
        action, _ = model.predict(observation, deterministic=True)
        assert frame.thought is not None
        assert frame.thought.action == action
        assert frame.thought.policy.sum() == pytest.approx(1.0, abs=1e-5)
        assert not frame.thought.policy[info["action_mask"] == 0].any()
        observation, _, done, _, info = env.step(action)
    assert done
    assert episode.frames[-1].thought is None
    assert episode.solved == info["is_success"]
    assert episode.edits == len(episode.frames) - 1 <= keywords["max_edits"]


def test_values_by_depth_are_those_of_the_policy(solved):
    model = zoo.load("upi-trm-sudoku-4x4", env=made(ENV, {}), device="cpu")
    n = model.policy.unroll
    frame = solved.frames[1]
    observation, _ = model.policy.obs_to_tensor(observe(frame.states))
    potential = torch.as_tensor(frame.checks.score, dtype=torch.float32)
    for depth in (n, 2 * n):
        model.policy.set_unroll(depth)
        with torch.no_grad():
            expected = model.policy.values(observation, potential)
        assert frame.thought.values[depth - 1] == pytest.approx(float(expected), abs=1e-4)
    assert len(frame.thought.values) == 2 * n


def test_a_carried_latent_goes_through_the_episode():
    model, episode = untrained(ENV, {"max_edits": 4}, unroll=3, carry_unroll=2)
    state, start = None, np.ones(1, np.bool_)
    for frame in episode.frames[:-1]:
        action, state = model.predict(observe(frame.states), state, start, deterministic=True)
        assert frame.thought.action == action[0]
        start = np.zeros(1, np.bool_)
    fresh = replay.PolicyAlone(model).recall(episode.frames[3].states, episode.frames[3].checks)
    assert not np.allclose(fresh.policy, episode.frames[3].thought.policy)
    assert [frame.thought.unroll for frame in episode.frames[:-1]] == [3, 2, 2, 2]
    assert all(len(frame.thought.values) == 6 for frame in episode.frames[:-1])


def test_attempts_are_watched_as_they_act():
    """The episode is that of `Attempts.predict`, shown without values by depth."""
    model, _ = untrained(ENV, {"max_edits": 5}, unroll=3, carry_unroll=2)
    solver = Attempts(model, 3, unroll=6)
    instance = made(ENV, {}).unwrapped.source.instances[5]
    episode = replay.play(replay.WithAttempts(solver), instance)
    states, latent = solver.mdp.initial(instance[None]), None
    for frame in episode.frames[:-1]:
        np.testing.assert_array_equal(frame.states.plans, states.plans)
        action, latent = solver.predict(observe(states), latent, deterministic=True)
        assert (
            frame.thought.action == action[0] == int(model.policy.greedy(torch.tensor(frame.thought.policy)[None])[0])
        )
        assert frame.thought.policy.sum() == pytest.approx(1.0, abs=1e-5)
        states = solver.mdp.transition(states, action).successors
    shown = page_data(episode)["frames"]
    assert all(frame["values"] is frame["unroll"] is None and frame["policy"] for frame in shown[:-1])
    console = fake_terminal()
    terminal.perform(episode, "a title", console, 0.0)
    assert "value U_n" not in console.file.getvalue()


def test_other_models_are_refused():
    model = stable_baselines3.PPO("MultiInputPolicy", gym.make("trm_envs:" + ENV), device="cpu")
    with pytest.raises(ValueError, match="not that of a PPO with MultiInputActorCriticPolicy"):
        replay.PolicyAlone(model)  # type: ignore[arg-type]
    flat = UPITRM("MlpPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(ValueError, match="not that of a UPITRM with MlpPolicy"):
        replay.PolicyAlone(flat)


def fake_terminal(width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def test_the_terminal_shows_every_step(solved, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(terminal.time, "sleep", slept.append)
    console = fake_terminal()
    terminal.perform(solved, "a title", console, 0.25)
    shown = console.file.getvalue()
    assert slept == [0.25] * solved.edits
    assert "a title" in shown
    for frame in solved.frames[:-1]:
        assert f"step         {frame.step} of at most 16" in shown
        assert f"{frame.thought.policy[frame.thought.action]:.1%}" in shown
        assert f"{frame.thought.values[frame.thought.unroll - 1]:.2f}" in shown
    assert re.search(r"result +solved", shown)


def test_without_a_terminal_only_the_end_is_shown(solved, monkeypatch):
    monkeypatch.setattr(terminal.time, "sleep", lambda _: pytest.fail("nobody watches"))
    console = Console(file=io.StringIO(), width=100)
    terminal.perform(solved, "a title", console, 1.0)
    shown = console.file.getvalue()
    assert shown.count("a title") == 1
    assert shown.endswith("\n")
    assert "solved" in shown


def test_a_narrow_terminal_puts_the_facts_below(solved):
    def lines(width: int) -> list[str]:
        console = fake_terminal(width)
        console.print(terminal.scene(solved, solved.frames[0], "t", width))
        return console.file.getvalue().splitlines()

    assert any("┌" in line and "step" in line for line in lines(90))
    assert not any("┌" in line and "step" in line for line in lines(60))


@pytest.mark.parametrize(("values", "line"), [([1.0, 2.0, 3.0], "▁▅█"), ([2.0, 2.0], "▄▄"), ([-1.0, -2.0], "█▁")])
def test_sparkline(values, line):
    assert terminal.sparkline(values) == line


class Page(HTMLParser):
    """Collects a page's data, tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.data = ""
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        self.inside = ("type", "application/json") in attrs

    def handle_data(self, text):
        self.data += text if self.inside else ""

    def handle_endtag(self, tag):
        self.inside = False


def test_the_page_holds_every_step_and_asks_for_nothing(solved):
    text = page(solved, "<b>title</b> & more")
    found = Page(text)
    assert json.loads(found.data) == json.loads(json.dumps(page_data(solved)))
    assert len(json.loads(found.data)["frames"]) == len(solved.frames)
    assert "&lt;b&gt;title&lt;/b&gt; &amp; more" in text
    assert re.findall(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|import\(", text) == []
    asking = [(tag, value) for tag, key, value in found.attributes if key in ("src", "href", "action", "data")]
    assert asking == [("link", "data:,")]
    assert any("default-src 'none'" in value for _, key, value in found.attributes if key == "content")
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(("env_id", "keywords"), OTHERS)
def test_the_page_has_the_policy_of_every_cell(env_id, keywords):
    _, episode = untrained(env_id, keywords)
    data, task = page_data(episode), episode.mdp.task
    edits = task.n_symbols + task.can_erase
    assert len(data["edits"]) == edits
    assert data["stop"] == ("stop_action" in keywords)
    for frame, shown in zip(episode.frames[:-1], data["frames"], strict=False):
        shares = np.frombuffer(base64.b64decode(shown["policy"]), "<u2").reshape(task.n_cells, edits) / 65535
        for cell in range(task.n_cells):
            own = [cell * task.n_symbols + symbol for symbol in range(task.n_symbols)]
            own += [task.n_cells * task.n_symbols + cell] if task.can_erase else []
            np.testing.assert_allclose(shares[cell], frame.thought.policy[own], atol=1e-5)
        assert shown["chosen"]["p"] == pytest.approx(frame.thought.policy.max(), abs=1e-6)
        assert len(shown["values"]) == len(frame.thought.values)
        assert shown["unroll"] == frame.thought.unroll
    last = data["frames"][-1]
    assert last["policy"] is last["chosen"] is last["values"] is last["unroll"] is None


def test_actions_in_words():
    mdp = gym.make("trm_envs:" + ENV, allow_erase=True, stop_action="terminal").unwrapped.mdp
    view = mdp.task.view(*np.zeros((2, 16), np.int8))
    texts = [replay.action_text(mdp, view, action) for action in (0, 27, 64 + 6, 80)]
    assert texts == ["row 1, column 1: 1", "row 2, column 3: 4", "row 2, column 3: erase", "stop"]
    state = mdp.initial(np.zeros((1, 16), np.int8))
    assert [replay.cell_of(mdp, state, action) for action in (0, 27, 64 + 6, 80)] == [0, 6, 6, None]


def test_walks_of_a_recursive_policy_are_shown(tmp_path, capsys):
    walk = "MazeWalk-5x5-v0"
    words = {"k_cycles": 2, "h_dim": 4, "n_h_layers": 1, "mixer": "exact_cover"}
    model = PPO(RecursivePolicy, f"trm_envs:{walk}", policy_kwargs=words, n_steps=8, batch_size=8, seed=0).learn(8)
    with torch.no_grad():
        model.policy.readings.network.policy_head.read[-1].weight.normal_(generator=torch.manual_seed(0))
    model.save(tmp_path / "walker.zip")
    named = ["watch", str(tmp_path / "walker.zip"), "--env", walk, "--json"]
    assert main([*named, "--html", str(tmp_path / "walk.html"), "--gif", str(tmp_path / "walk.gif")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 1 <= told["edits"] <= 25 and Image.open(tmp_path / "walk.gif").n_frames == 1 + told["edits"]
    env = made(walk, {}).unwrapped
    episode, mdp = replay.play(replay.watched(model, env.mdp), env.source.instances[0]), env.mdp
    terminal.perform(episode, "walk", Console(file=io.StringIO()), 0.0)
    seen = observe(episode.frames[0].states)
    thought = episode.frames[0].thought
    assert thought.action == model.predict(seen, deterministic=True)[0][0] and thought.unroll == 2
    np.testing.assert_allclose(thought.policy.sum(), 1.0, atol=1e-5)
    values = model.policy.predict_values(model.policy.obs_to_tensor(seen)[0])
    assert len(thought.values) == 4 and thought.values[1] == pytest.approx(values.item(), abs=1e-5)
    row, column = divmod(int(episode.frames[0].states.plans[0].argmax()), 5)
    walls = np.pad(episode.frames[0].states.instances[0].reshape(5, 5) == 1, 1, constant_values=True)
    for action, (down, right) in enumerate([(-1, 0), (1, 0), (0, -1), (0, 1)]):
        barred = walls[1 + row + down, 1 + column + right]
        led = 5 * row + column if barred else 5 * (row + down) + column + right
        assert replay.cell_of(mdp, episode.frames[0].states, action) == led
    assert replay.action_text(mdp, episode.frames[0].view(mdp.task), 2) == "left"
    shown = page_data(episode)["frames"]
    assert [frame["made"]["cell"] for frame in shown[1:]] == [
        int(frame.states.plans[0].argmax()) for frame in episode.frames[1:]
    ]
    shares = np.frombuffer(base64.b64decode(shown[0]["policy"]), "<u2").reshape(25, 4) / 65535
    np.testing.assert_allclose(shares.sum(0), thought.policy, atol=1e-4)
    assert main([*named, "--attempts", "3"]) == 2
    assert "decodes no plans, so no solver can use it" in capsys.readouterr().err


def test_views_tell_the_same_as_the_checker():
    rng = np.random.default_rng(0)
    for env_id in (ENV, "SudokuPlanEdit-9x9-v0", "MazePlanEdit-9x9-v0"):
        env = made(env_id, {}).unwrapped
        mdp, instances = env.mdp, env.source.instances
        states = mdp.initial(instances[:20])
        for _ in range(30):
            actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in mdp.action_mask(states)])
            states = mdp.transition(states, actions).successors
        checks, free = mdp.check(states), mdp.action_mask(states).reshape(20, mdp.task.n_cells, -1).any(axis=2)
        initial = mdp.task.initial_plans(states.instances)
        for b in range(20):
            view = mdp.task.view(states.instances[b], states.plans[b])
            assert view.violating.any() == (checks.violations[b] > 0)
            assert view.dead_ends.sum() == checks.dead_ends[b]
            kinds = np.array(view.kinds)
            np.testing.assert_array_equal(~free[b], np.isin(kinds, ["given", "wall"]))
            np.testing.assert_array_equal(states.plans[b] != initial[b], kinds == "edit")
            plain = PlanTask.view(mdp.task, states.instances[b], states.plans[b])
            assert [kind.replace("wall", "given") for kind in view.kinds] == list(plain.kinds)
            assert len(view.edits) == len(plain.edits) == mdp.task.n_symbols
            shown = [bool(symbol) for symbol in view.symbols]
            np.testing.assert_array_equal(shown, states.plans[b] > 0)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> str:
    """A file as the benchmark's runs write them: it tells its environment."""
    path = tmp_path_factory.mktemp("run") / "model.zip"
    model = HindsightTRM("TokenPolicy", made(ENV, {}), seed=0, device="cpu")
    models.save(model, path, Label("hindsight_trm", ENV))
    return str(path)


def test_the_command_writes_json_a_page_and_a_gif(tmp_path, capsys):
    out, gif = tmp_path / "replay.html", tmp_path / "replay.gif"
    assert main(["watch", AGENT, "--index", "3", "--html", str(out), "--gif", str(gif), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["env"], facts["index"], facts["solved"]) == (ENV, 3, True)
    assert (facts["html"], facts["gif"]) == (str(out), str(gif))
    data = json.loads(Page(out.read_text(encoding="utf-8")).data)
    assert (len(data["frames"]), data["solved"]) == (facts["edits"] + 1, True)
    with Image.open(gif) as image:
        assert image.n_frames == facts["edits"] + 1


def test_attempts_can_be_watched(capsys):
    assert main(["watch", AGENT, "--index", "3", "--attempts", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["solved"]


def test_the_puzzle_is_drawn_or_named(tmp_path, capsys):
    def index(*more: str) -> int:
        assert main(["watch", AGENT, "--json", *more]) == 0
        return json.loads(capsys.readouterr().out)["index"]

    assert index() == index("--seed", "0") != index("--seed", "1")
    (tmp_path / "mine.txt").write_text("1.3. .4.. .1.. 4.2.".replace(" ", "").replace(".", "0") + "\n")
    assert index("--puzzles", str(tmp_path / "mine.txt")) == 0


def test_the_benchmark_watches_its_runs_under_another_budget(labelled, tmp_path, capsys):
    out = tmp_path / "replay.html"
    assert cli.main(["watch", labelled, "--index", "3", "--max-edits", "2", "--html", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["env"], facts["index"], facts["edits"]) == (ENV, 3, 2)
    assert len(json.loads(Page(out.read_text(encoding="utf-8")).data)["frames"]) == 3
    assert cli.main(["watch", labelled, "--index", "3", "--max-edits", "2", "--delay", "0"]) == 0
    assert "not solved in 2 edits of at most 2" in capsys.readouterr().out


def test_the_benchmark_says_what_is_wrong(labelled, tmp_path, capsys):
    unnamed, ppo = tmp_path / "unnamed.zip", tmp_path / "ppo.zip"
    HindsightTRM("TokenPolicy", made(ENV, {}), device="cpu").save(unnamed)
    models.save(stable_baselines3.PPO("MlpPolicy", "CartPole-v1"), ppo, Label("nothing", ENV))
    for words, message in [
        ([labelled, "--index", "512"], "--index must be within 0..511"),
        ([labelled, "--puzzles", str(tmp_path / "none.txt")], "there is no puzzle file"),
        ([str(unnamed)], "name it with --env"),
        ([str(ppo)], "unknown method 'nothing'"),
    ]:
        assert cli.main(["watch", *words]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["watch", labelled, "--delay", "-1"])
    assert "--delay" in capsys.readouterr().err
