"""Restarts: thinking an episode's first state over from other latents."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from baselines import agent_of
from benchmarks.protocol.evaluation import evaluate
from trm_agents import UPITRM
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.recursion import decoding as hits_of
from trm_agents.solving import attempts as tries_module
from trm_agents.solving import policy_guesser
from trm_agents.solving.attempt_states import guessed, half_written
from trm_agents.solving.attempts import GUESSES, SOLVED, Tries
from trm_envs.maze.env import maze_problem
from trm_envs.plan_edit.spaces import observation_space, observe
from trm_envs.sudoku.env import sudoku_problem
from trm_envs.sudoku.solver import solve

LATENTS = ("episodic", "persistent")
PERSISTENT = {"latent": "persistent", "unroll": 3, "carried_unroll": 2}


@pytest.fixture(name="mdp")
def of_sudoku():
    return sudoku_problem(4)[0]


def first_states(mdp, count=6):
    source, rng = sudoku_problem(4)[1], np.random.default_rng(0)
    return mdp.initial(np.stack([source.sample(rng) for _ in range(count)]))


def seen_by(states):
    return {key: torch.as_tensor(value) for key, value in observe(states).items()}


def policy_of(mdp, **kwargs):
    """A policy whose readout is steep enough for starts to tell apart."""
    torch.manual_seed(0)
    space = observation_space(mdp), spaces.Discrete(mdp.n_actions)
    made = RepairPolicy(*space, lambda _: 1e-2, mdp=mdp, width=8, **{**PERSISTENT, "restart_unroll": 4, **kwargs})
    for network in made.averaged.members:
        torch.nn.init.normal_(network.weight)
    return made


def tries_of(policy):
    return policy._tries()


def attempts(policy, seen, count):
    """Latents and doubts of every try."""
    with torch.no_grad():
        tried = [tries_of(policy).one(seen, number) for number in range(count)]
    return torch.stack([latent for latent, _, _ in tried]), torch.stack([doubt for _, doubt, _ in tried])


@pytest.mark.parametrize("members", [1, 2])
def test_the_try_of_least_doubt_is_gone_on_from(mdp, members, monkeypatch):
    policy, seen = policy_of(mdp, restarts=5, members=members), seen_by(first_states(mdp))
    monkeypatch.setattr(Tries, "_solve", lambda _, plans, states: torch.zeros(len(plans), dtype=torch.bool))
    monkeypatch.setattr(tries_module, "CLUELESS", 1.0)
    latents, doubts = attempts(policy, seen, 6)
    assert (doubts > 0.0).all() and (doubts.argmin(0) > 0).any()
    chosen = latents[doubts.argmin(0), torch.arange(6)]
    assert torch.equal(tries_of(policy).best(seen, None), chosen)
    with torch.no_grad():
        hits, last = policy.averaged.hits(seen, chosen)
        expected = policy._policy(policy._gains(hits, policy._states(seen)), policy._choices(policy._states(seen)))
        found, carried = policy.action_probabilities(seen)
    assert torch.equal(found, expected) and torch.equal(carried, last)


def test_no_further_start_where_the_checker_agrees(mdp, monkeypatch):
    policy, seen = policy_of(mdp, restarts=5), seen_by(first_states(mdp))
    solved, asked = {0: [1, 2], 2: [0], 3: [3]}, []
    # Of the fifth state nothing is known, so that another start is no use.
    doubts = [0.3, 0.3, 0.3, 0.3, 0.6, 0.3]
    numbers = seen["instance"].flatten(1)

    def one(_, observation, attempt):
        rows = [int((numbers == row).all(1).nonzero()[0]) for row in observation["instance"].flatten(1)]
        asked.append(rows)
        doubt = torch.tensor(
            [SOLVED if row in solved.get(attempt, []) else doubts[row] - attempt / 100 for row in rows]
        )
        return torch.full((len(rows), 64, 8), float(attempt + 1)), doubt, np.zeros((len(rows), 16), np.int8)

    monkeypatch.setattr(Tries, "one", one)
    latent = tries_of(policy).best(seen, None)
    assert asked == [[0, 1, 2, 3, 4, 5], [0, 3, 5], [0, 3, 5], [3, 5], [5], [5]]
    assert latent[:, 0, 0].tolist() == [3.0, 1.0, 1.0, 4.0, 1.0, 6.0]


@pytest.mark.parametrize("refinements", [0, 2])
@pytest.mark.parametrize("task", ["sudoku", "maze"])
def test_tries_in_a_row_are_shown_what_the_one_before_has_read(task, refinements, monkeypatch):
    mdp, source = sudoku_problem(4) if task == "sudoku" else maze_problem(5)
    policy, rng = policy_of(mdp, restarts=6, refinements=refinements), np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(3)]))
    seen, shown, read, one = seen_by(states), [], [], Tries.one
    # The second state is solved by the third try, the others never.
    monkeypatch.setattr(tries_module, "CLUELESS", 1.0)

    def recorded(self, observation, number):
        shown.append(observation["plan"].numpy().copy())
        tried, doubt, plans = one(self, observation, number)
        read.append(plans)
        doubt = torch.where(doubt == SOLVED, 0.5, doubt)
        if number == 2:
            doubt[1] = SOLVED
        return tried, doubt, plans

    monkeypatch.setattr(Tries, "one", recorded)
    tries_of(policy).best(seen, None)
    assert [len(plans) for plans in shown] == [3, 3, 3, 2, 2, 2, 2]
    for number, plans in enumerate(shown):
        before = read[number - 1][[0, 2]] if number == 3 else read[number - 1]
        first, turn = states.plans[[0, 2]] if number > 2 else states.plans, number % (refinements + 1)
        if turn == 2:
            written = (plans != first).any(0)
            assert (plans == np.where(written, before, first)).all() and not np.array_equal(plans, before)
        else:
            assert np.array_equal(plans, before if turn else first)
    assert np.array_equal(seen["plan"].numpy(), states.plans)


def test_half_of_the_cells_are_written():
    plans, read = torch.zeros(3, 400, dtype=torch.int8), torch.ones(3, 400, dtype=torch.int8)
    half, other = (half_written(plans, read, attempt) for attempt in (2, 4))
    assert half.dtype == torch.int8 and (half == half[:1]).all() and 150 < half[0].sum() < 250
    assert not torch.equal(half, other) and torch.equal(half, half_written(plans, read, 2)) and not plans.any()


def test_doubtful_cells_are_guessed_at_by_their_probabilities(mdp):
    states = first_states(mdp, 1).at(np.zeros(2, np.int64))
    blanks = np.flatnonzero(states.instances[0] == 0)
    hits = torch.zeros(2, 16, 4)
    hits[:, :, 0] = 1.0
    # Doubts of 0.2 and 0.6, and nothing else to guess at but for one part in a million.
    hits[:, blanks[0]] = torch.tensor([0.8, 0.2, 0.0, 0.0])
    hits[:, blanks[1]] = torch.tensor([0.1, 0.4, 0.3, 0.2])
    counts = np.zeros((16, 5))
    for attempt in range(2000):
        plans = guessed(mdp, hits, states, 1, attempt)
        assert plans.dtype == np.int8 and np.array_equal(plans[0], plans[1])
        (cell,) = np.flatnonzero(plans[0] != states.plans[0])
        counts[cell, plans[0, cell]] += 1
    assert counts.sum() == counts[blanks[:2]].sum() == 2000
    shares = counts[blanks[:2], 1:] / 2000
    expected = np.array([[0.8, 0.2, 0.0, 0.0], [0.1, 0.4, 0.3, 0.2]]) * [[0.25], [0.75]]
    assert np.abs(shares - expected).max() < 0.04
    assert np.array_equal(guessed(mdp, hits, states, 1, 7), guessed(mdp, hits, states, 1, 7))
    assert not states.plans[:, blanks].any()


@pytest.mark.parametrize("cells", [*GUESSES, 16])
def test_as_many_cells_are_guessed_at_as_can_be_edited(mdp, cells):
    states = first_states(mdp, 3)
    solution = solve(states.instances)[0]
    hits = torch.nn.functional.one_hot(torch.as_tensor(solution.astype(np.int64)) - 1, 4).float()
    plans, blanks = guessed(mdp, hits, states, cells, 3), states.instances == 0
    written = plans != states.plans
    assert np.array_equal(written.sum(1), np.minimum(cells, blanks.sum(1)))
    assert not written[~blanks].any() and (plans[written] == solution[written]).all()


def test_cells_of_mazes_are_toggled_as_often_as_is_likely():
    mdp, source = maze_problem(5)
    states = mdp.initial(source.sample(np.random.default_rng(0))[None])
    free = np.flatnonzero(mdp.action_mask(states)[0])
    hits = torch.zeros(1, 25, 1)
    hits[0, free[0]] = 0.7
    toggled = [guessed(mdp, hits, states, 1, attempt)[0, free[0]] != states.plans[0, free[0]] for attempt in range(500)]
    assert 0.63 < np.mean(toggled) < 0.77


@pytest.mark.parametrize("refinements", [0, 2])
def test_other_tries_are_shown_guesses_half_of_them_from_zero(mdp, refinements, monkeypatch):
    policy, states = policy_of(mdp, restarts=11, refinements=refinements, guess_unroll=2), first_states(mdp, 3)
    seen, given, starts, one = seen_by(states), [], [], Tries.one
    monkeypatch.setattr(tries_module, "CLUELESS", 1.0)

    def recorded(self, observation, start):
        given.append(observation["plan"].numpy().reshape(-1, 16).copy())
        starts.append(start)
        tried, doubt, plans = one(self, observation, start)
        doubt = torch.where(doubt == SOLVED, 0.5, doubt)
        # The first state is solved before anything is guessed of it.
        if len(starts) == 1:
            doubt[0] = SOLVED
        return tried, doubt, plans

    monkeypatch.setattr(Tries, "one", recorded)
    tries = tries_of(policy)
    tries.best(seen, None)
    assert tries.calls == 3 + 2 + 11 * 2
    rest = states.at(slice(1, 3))
    with torch.no_grad():
        early = tries.read(policy.averaged.run(seen_by(rest), None, 2).latents[-1], seen_by(rest))
    assert np.array_equal(given[0], states.plans)
    for number in range(1, 12):
        chain, turn = divmod(number, refinements + 1)
        assert starts[number] == (0 if chain % 2 else number)
        if not turn:
            expected = guessed(mdp, early, rest, GUESSES[chain // 2 % 4], number)
            assert np.array_equal(given[number], expected) and not np.array_equal(expected, rest.plans)
    assert np.array_equal(seen["plan"].numpy().reshape(-1, 16), states.plans)


def test_first_states_alone_are_thought_over(mdp):
    policy, states = policy_of(mdp, restarts=3), first_states(mdp)
    seen = seen_by(states)
    with torch.no_grad():
        _, carried = policy.action_probabilities(seen)
    went_on = carried.clone()
    carried[[1, 4]] = 0.0
    before = carried.clone()
    over = tries_of(policy).best(seen, carried)
    assert torch.equal(carried, before)
    others = [0, 2, 3, 5]
    assert torch.equal(over[others], went_on[others])
    assert torch.equal(over[[1, 4]], tries_of(policy).best(seen, None)[[1, 4]])
    assert tries_of(policy).best(seen, went_on) is went_on


@pytest.mark.parametrize("guess_unroll", [0, 2])
def test_what_is_done_depends_on_nothing_else_in_the_batch(mdp, guess_unroll):
    policy, states = policy_of(mdp, restarts=4, guess_unroll=guess_unroll), first_states(mdp)
    together, state = policy.predict(observe(states), deterministic=True)
    again, _ = policy.predict(observe(states), deterministic=True)
    assert np.array_equal(together, again)
    for row in range(6):
        alone, own = policy.predict(observe(states.at(slice(row, row + 1))), deterministic=True)
        assert alone[0] == together[row] and np.allclose(own[0][0], state[0][row], atol=1e-5)


def likely(solution, states, but):
    """Hits of 0.925 on a solution; in one row two blanks with different digits are taken for one another."""
    plans = solution.copy()
    blanks = np.flatnonzero(states.instances[but] == 0)
    other = next(cell for cell in blanks if plans[but, cell] != plans[but, blanks[0]])
    plans[but, [blanks[0], other]] = plans[but, [other, blanks[0]]]
    return 0.9 * torch.nn.functional.one_hot(torch.as_tensor(plans.astype(np.int64)) - 1, 4).float() + 0.025


def test_a_latent_that_the_checker_agrees_with_is_written(mdp, monkeypatch):
    policy, states = policy_of(mdp, restarts=2), first_states(mdp, 4)
    solution = solve(states.instances)[0]
    # In the last row two cells are taken for one another: the checker does not agree.
    said = likely(solution, states, 3)
    monkeypatch.setattr(Tries, "read", lambda _, latent, seen: said[: len(latent)].clone())
    carried = torch.randn(4, 64, 8)
    while (states.plans != solution).any(1)[:3].all():
        asked, called = policy.queries, policy.calls
        with torch.no_grad():
            found, latent = policy.action_probabilities(seen_by(states), carried)
        assert policy.queries == asked + 4 and policy.calls == called + 1
        assert torch.equal(latent[:3], carried[:3]) and not torch.equal(latent[3], carried[3])
        move = mdp.transition(states, found.argmax(1).numpy())
        repaired = (move.successors.plans == solution).sum(1) - (states.plans == solution).sum(1)
        assert (repaired[:3] == 1).all()
        states, carried = move.successors, latent


@pytest.mark.parametrize("task", ["sudoku", "maze"])
def test_restarts_carry_the_latents_of_a_policy_trained_without(task):
    mdp, source = sudoku_problem(4) if task == "sudoku" else maze_problem(5)
    policy, persistent = (policy_of(mdp, restarts=2, latent=kind, carried_unroll=None) for kind in LATENTS)
    plain = policy_of(mdp, latent="episodic", carried_unroll=None)
    rng = np.random.default_rng(0)
    states = mdp.initial(np.stack([source.sample(rng) for _ in range(4)]))
    first, carried = policy.predict(observe(states), deterministic=True)
    assert plain.predict(observe(states))[1] is None and carried is not None
    then = observe(mdp.transition(states, first).successors)
    for start in (None, np.array([False, True, False, False])):
        action, latent = policy.predict(then, carried, start, deterministic=True)
        expected, following = persistent.predict(then, carried, start, deterministic=True)
        assert np.array_equal(action, expected) and np.array_equal(latent[0], following[0])


def test_tries_know_what_the_checker_says(mdp, monkeypatch):
    policy, states = policy_of(mdp, restarts=2), first_states(mdp, 3)
    said = likely(solve(states.instances)[0], states, 1)
    monkeypatch.setattr(Tries, "read", lambda _, latent, seen: said[: len(latent)].clone())
    tries = tries_of(policy)
    _, doubt, plans = tries.one(seen_by(states), 0)
    assert (plans == solve(states.instances)[0]).all(1).tolist() == [True, False, True]
    assert doubt.tolist() == pytest.approx([SOLVED, 0.075, SOLVED], rel=1e-4) and tries.queries == 3


def test_agents_count_tries_as_calls(mdp, monkeypatch):
    policy, states = policy_of(mdp, restarts=2), first_states(mdp, 3)
    said = likely(solve(states.instances)[0], states, 1)
    monkeypatch.setattr(Tries, "read", lambda _, latent, seen: said[-len(latent) :].clone())
    monkeypatch.setattr(Tries, "_solve", lambda _, plans, states: torch.tensor([False, *[True] * (len(plans) - 1)]))
    with torch.no_grad():
        policy.action_probabilities(seen_by(states))
    # Three tries of the first state, one of each other, and the first one is thought about once more.
    assert policy.calls == 3 + 2 + 1


def test_a_guess_is_the_plan_that_an_attempt_reads(mdp):
    policy, states = policy_of(mdp, restarts=3), first_states(mdp, 4)
    numbers = [2, 0, 5, 2]
    guessed = policy.guess(seen_by(states), numbers)
    for row, attempt in enumerate(numbers):
        alone = states.at(slice(row, row + 1))
        with torch.no_grad():
            latent, _, plans = tries_of(policy).one(seen_by(alone), attempt)
            hits = tries_of(policy).read(latent, seen_by(alone))
        assert np.array_equal(guessed[row], hits_of.likeliest(mdp, hits, alone)[0])
        assert np.array_equal(guessed[row], plans[0])
    assert not np.array_equal(guessed, policy.guess(seen_by(states), [0] * 4))


def test_a_search_is_guided_by_guesses_of_a_policy_with_restarts(mdp):
    policy, states = policy_of(mdp, restarts=3), first_states(mdp, 4)
    guess = policy_guesser(policy)
    assert guess is not None and policy_guesser(policy_of(mdp)) is None
    attempts = np.array([1, 0, 0, 4])
    assert np.array_equal(guess(states, attempts), policy.guess(seen_by(states), attempts.tolist()))


def test_what_a_latent_says_of_a_maze_outlives_edits():
    """A cell that is to be marked is to be toggled until it is."""
    mdp, source = maze_problem(5)
    policy, states = policy_of(mdp), mdp.initial(source.sample(np.random.default_rng(0))[None])
    free = np.flatnonzero(mdp.action_mask(states)[0])
    latent = torch.randn(1, 25, 8)
    with torch.no_grad():
        before = tries_of(policy).read(latent, seen_by(states))[0, :, 0]
        move = mdp.transition(states, free[:1])
        after = tries_of(policy).read(latent, seen_by(move.successors))[0, :, 0]
    assert after[free[0]].item() == pytest.approx(1.0 - before[free[0]].item(), rel=1e-5)
    others = np.delete(np.arange(25), free[0])
    assert torch.equal(after[others], before[others])


def test_the_likeliest_plan_of_a_maze_toggles_what_is_likely_wrong():
    mdp, source = maze_problem(5)
    states = mdp.initial(source.sample(np.random.default_rng(0))[None])
    editable = mdp.action_mask(states)[0, :25]
    hits = torch.full((1, 25, 1), 0.4)
    hits[0, np.flatnonzero(editable)[:3], 0] = 0.6
    plans = hits_of.likeliest(mdp, hits, states)
    assert np.flatnonzero(plans[0] != states.plans[0]).tolist() == np.flatnonzero(editable)[:3].tolist()
    assert hits_of.doubt(mdp, hits, states).item() == pytest.approx(0.4, rel=1e-5)


def test_doubt_is_the_share_of_editable_cells_that_are_likely_wrong(mdp):
    states = first_states(mdp, 2)
    hits = torch.full((2, 16, 4), 0.1)
    hits[:, :, 2] = 0.7
    hits[0, :, 2] = 1.0
    blanks = states.instances[1] == 0
    hits[1, np.flatnonzero(blanks)[0], 2] = 1.0
    assert hits_of.doubt(mdp, hits, states).tolist() == pytest.approx([0.0, 0.3 * (1 - 1 / blanks.sum())], rel=1e-5)


def test_training_collects_without_restarts_and_saving_keeps_them(tmp_path, monkeypatch):
    thought, think = [], Tries.best
    monkeypatch.setattr(Tries, "best", lambda *args: thought.append(1) or think(*args))
    env = make_vec_env("SudokuPlanEdit-4x4-v0", 2, seed=0)
    kwargs = {"width": 8, "restarts": 2, "restart_unroll": 5, "refinements": 1, "guess_unroll": 3}
    settings = {**PERSISTENT, "n_steps": 8, "learning_starts": 10, "seed": 0, "device": "cpu"}
    model = UPITRM("TRMPolicy", env, target="hindsight", policy_kwargs=kwargs, **settings).learn(64)
    assert not thought
    observation = env.reset()
    actions, _ = model.predict(observation, deterministic=True)
    assert len(thought) == 1
    model.save(tmp_path / "model.zip")
    loaded = UPITRM.load(tmp_path / "model.zip", device="cpu")
    kept = [getattr(loaded.policy, name) for name in ("restarts", "restart_unroll", "refinements", "guess_unroll")]
    assert kept == [2, 5, 1, 3]
    assert np.array_equal(loaded.predict(observation, deterministic=True)[0], actions)


@pytest.mark.parametrize("restarts", [0, 2])
def test_the_calls_of_an_agent(restarts):
    env = make_vec_env("SudokuPlanEdit-4x4-v0", 2, seed=0)
    kwargs = {"width": 8, "restarts": restarts, "restart_unroll": 5}
    model = UPITRM("TRMPolicy", env, target="hindsight", policy_kwargs=kwargs, **PERSISTENT, seed=0, device="cpu")
    mdp = model.policy.mdp
    agent = agent_of("upi_trm", model, mdp, np.random.default_rng(0))
    edits = int(evaluate(agent, mdp, first_states(mdp, 5).instances).edits.sum())
    assert agent.calls == model.policy.calls
    # A fresh network has no clue: one try each.
    assert agent.calls == edits + (5 if restarts else 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"restarts": -1}, "restarts=-1"),
        ({"restarts": 1, "restart_unroll": 0}, "restart_unroll=0"),
        ({"refinements": -1}, "refinements must be at least 0, got -1"),
        ({"guess_unroll": -1}, "guess_unroll must be at least 0, got -1"),
    ],
)
def test_bad_restarts_are_refused(mdp, settings, message):
    with pytest.raises(ValueError, match=message):
        policy_of(mdp, **settings)
