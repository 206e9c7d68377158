"""HindsightTRM in one file: a tiny recursive model that learns Sudoku from a checker alone, without solution labels.

python examples/hindsight_in_one_file.py

1. A network of shared weights takes inner steps on a latent, one token for each (cell, symbol), and gives the
   probability p that an edit writes what belongs into its cell.
2. The policy prefers the edits that most probably bring the plan closer to a solved one.
3. The agent plays. Once the checker calls a plan solved, that plan labels every state visited on its instance.
4. The network is fitted to these labels, and an average of its weights plays on.

Two things in the package are left out here, as 4x4 puzzles need neither: a latent that is carried from state to state,
and a search for plans that solve what episodes fail at. Tasks with one symbol, such as mazes, need another readout.

The puzzle comes from trm_envs. An edit writes a symbol into a cell: action `cell * n_symbols + symbol`. For B states,

    task.writes(plans)           what the cell holds after each edit, (B, n_cells, n_symbols)
    task.token_types(x, plans)   the category of each (cell, symbol), see `encode`, the same shape
    mdp.action_mask(states)      which edits are legal: those of cells that were not given, (B, n_actions)
    mdp.transition(states, a)    the states after one edit each, their rewards, and what the checker says of them
    mdp.successors(states)       the same for every legal edit of every state
"""

from __future__ import annotations

import argparse
import copy
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil, sqrt

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from trm_envs import InstancePool, PlanEditMDP, PlanEditVectorEnv, PlanStates
from trm_envs.plan_edit.spaces import states_of

Grid = NDArray[np.int8]
"""One plan or instance, (n_cells,), or a batch of them, (B, n_cells)."""


@dataclass(frozen=True)
class Settings:
    """What training depends on; each is an option of the command line."""

    env: str = "SudokuPlanEdit-4x4-v0"
    """A Sudoku of trm_envs. The settings below are for 4x4; larger ones take deeper steps and less weight decay."""
    steps: int = 50_000
    """Environment steps, over all environments."""
    num_envs: int = 50
    """Episodes that are played at once; a gradient step follows each step of all of them."""
    width: int = 16
    """d, latent channels of a token."""
    unroll: int = 4
    """n, inner steps of a prediction."""
    low_unroll: int = 2
    """Fewest inner steps of a gradient step."""
    high_unroll: int = 6
    """Most inner steps of a gradient step."""
    gradient_unroll: int = 4
    """Gradients flow through so many of the last inner steps."""
    beta: float = 10.0
    """Inverse temperature of the policy, in units of one edit."""
    checker_steps: int = 8_000
    """Environment steps over which the collecting policy leans on the checker, less and less."""
    batch_size: int = 32
    """States of a gradient step."""
    min_buffer_size: int = 1_000
    """States that are kept before training begins."""
    solved_cell_weight: float = 0.3
    """Weight in the loss of a cell that is right already, where one that needs an edit weighs 1."""
    learning_rate: float = 4e-3
    """Step size of AdamW at the beginning; it falls linearly to zero."""
    weight_decay: float = 1.0
    """Of AdamW. 4x4 puzzles are few up to symmetry, and weights that stay small do not learn them by heart."""
    ema_decay: float = 0.997
    """Decay of the average of the weights, a gradient step."""
    seed: int = 0
    """Of puzzles, weights, actions and batches."""


# ---- 1. The network: z_0 = 0, z_{k+1} = Pi(z_k + W_2 relu(A z_k + I) + b), and logits read from z_n. ----


class TinyRecursiveModel(nn.Module):
    """Messages between the candidates (cell, symbol) of a puzzle seen as exact cover.

    A row with a digit is a constraint: it holds the digit once. So is a cell: it holds one digit. Each token hears the
    sums of latents over its constraints. Weights are shared by all cells, symbols and inner steps: relabelling digits
    or permuting rows permutes the latents and changes nothing else.
    """

    shared: Tensor
    """How many groups of each kind two cells are both in, (kinds, n_cells, n_cells)."""

    def __init__(self, mdp: PlanEditMDP, width: int) -> None:
        super().__init__()
        self.task, self.max_edits, hidden = mdp.task, mdp.max_edits, 2 * width
        cells = np.arange(self.task.n_cells)
        member = [(groups[:, :, None] == cells).any(1).astype(np.float32) for groups in self.task.groups.values()]
        self.register_buffer("shared", torch.from_numpy(np.stack([each.T @ each for each in member])))
        self.category = nn.Parameter(torch.randn(self.task.n_token_types, hidden) / 2)
        self.remaining = nn.Parameter(torch.zeros(hidden))
        self.own = nn.Parameter(torch.randn(hidden, width) / sqrt(width))
        # A map for the sums over each kind of groups and, last, one for the sum over the symbols of a cell.
        self.maps = nn.Parameter(torch.randn(len(member) + 1, hidden, width) * 0.35 / sqrt(width))
        self.out = nn.Parameter(torch.randn(width, hidden) * 0.5 / sqrt(hidden))
        self.bias = nn.Parameter(torch.zeros(width))
        # Zero: a fresh network finds all symbols of a cell equally likely.
        self.readout = nn.Parameter(torch.zeros(width))

    def encode(self, states: PlanStates) -> Tensor:
        """I, what each token injects into every inner step, (B, n_cells, n_symbols, H), H = 2d.

        Categories of a token: its cell is blank, has its symbol, or has another one, as an edit or as a given.
        """
        types = torch.from_numpy(self.task.token_types(states.instances, states.plans)).long()
        left = torch.from_numpy(states.remaining_edits / self.max_edits).float()
        injection: Tensor = self.category[types] + left[:, None, None, None] * self.remaining
        return injection

    def inner_step(self, z: Tensor, injection: Tensor) -> Tensor:
        """One step of the recursion, (B, n_cells, n_symbols, d) -> the same."""
        heard = z @ self.own.T + z.sum(2, keepdim=True) @ self.maps[-1].T
        for shared, weight in zip(self.shared, self.maps[:-1], strict=True):
            heard = heard + torch.einsum("ij,bjsd->bisd", shared, z) @ weight.T
        z = z + torch.relu(injection + heard) @ self.out.T + self.bias
        # Pi: the root mean square of a latent is at most 1, so that latents stay bounded however deep they are.
        radius, norm = sqrt(z[0].numel()), z.flatten(1).norm(dim=1)
        projected: Tensor = z * (radius / norm.clamp_min(radius))[:, None, None, None]
        return projected

    def forward(self, states: PlanStates, unroll: int, gradient: int = 1) -> Tensor:
        """Logits of the last `gradient` inner steps, through which gradients flow, (gradient, B, n_cells, n_symbols).

        A logit says that the symbol belongs into the cell, whatever the cell holds now.
        """
        injection, gradient = self.encode(states), min(gradient, unroll)
        z = torch.zeros(*injection.shape[:3], len(self.bias))
        with torch.no_grad():
            for _ in range(unroll - gradient):
                z = self.inner_step(z, injection)
        latents = []
        for _ in range(gradient):
            z = self.inner_step(z, injection)
            latents.append(z)
        logits: Tensor = torch.stack(latents) @ self.readout
        return logits


# ---- 2. The policy: pi(a|s) ~ exp(beta A(s, a)), where A = p - q counts in edits. ----


def gains(mdp: PlanEditMDP, network: TinyRecursiveModel, states: PlanStates, unroll: int) -> Tensor:
    """A(s, a) = p(a|s) - q(c|s), (B, n_actions): by how many edits each edit is expected to bring a solved plan closer.

    p: the edit writes what belongs into its cell c. q: the cell is right as it is.
    """
    p: Tensor = network(states, unroll)[-1].softmax(2)
    unchanged = torch.from_numpy(mdp.task.writes(states.plans) == states.plans[:, :, None])
    q = (p * unchanged).sum(2, keepdim=True)
    return (p - q).flatten(1)


def checker_values(mdp: PlanEditMDP, states: PlanStates) -> Tensor:
    """What the checker alone says of each edit, (B, n_actions): its reward, as if all episodes failed afterwards."""
    rows, actions, after = mdp.successors(states)
    values = np.zeros((len(states.plans), mdp.n_actions), np.float32)
    values[rows, actions] = after.rewards - mdp.gamma * mdp.task.max_score * ~after.terminated
    return torch.from_numpy(values)


def policy(mdp: PlanEditMDP, values: Tensor, states: PlanStates, beta: float) -> Tensor:
    """Softmax of beta A over the legal edits that change something, (B, n_actions)."""
    changed = (mdp.task.writes(states.plans) != states.plans[:, :, None]).reshape(len(values), -1)
    allowed = torch.from_numpy(mdp.action_mask(states) & changed)
    return (beta * values).masked_fill(~allowed, -torch.inf).softmax(1)


@torch.no_grad()
def collecting_policy(
    mdp: PlanEditMDP, network: TinyRecursiveModel, states: PlanStates, checker_weight: float, settings: Settings
) -> Tensor:
    """The policy that plays, (B, n_actions). It leans on the checker at first: labels need a first solved plan."""
    values = gains(mdp, network, states, settings.unroll)
    if checker_weight > 0.0:
        values = (1.0 - checker_weight) * values + checker_weight * checker_values(mdp, states)
    return policy(mdp, values, states, settings.beta)


# ---- 3. The memory: states of solved instances, labelled by the agent's own solved plans. ----


class Memory:
    """The latest states of solved instances, as (instance, plan). Plans of failed episodes wait for a later success."""

    def __init__(self, mdp: PlanEditMDP, capacity: int = 120_000) -> None:
        self.max_edits = mdp.max_edits
        self.kept: deque[tuple[Grid, Grid]] = deque(maxlen=capacity)
        self.goals: dict[bytes, list[Grid]] = defaultdict(list)
        self.waiting: dict[bytes, deque[Grid]] = defaultdict(lambda: deque(maxlen=100))

    def file(self, instance: Grid, visited: list[Grid], last: Grid, solved: bool) -> None:
        """File the plans of an episode, the last of them apart."""
        key = instance.tobytes()
        if not solved:
            self.waiting[key].extend(visited)
            return
        if not any((last == goal).all() for goal in self.goals[key]):
            self.goals[key].insert(0, last)
        self.kept.extend((instance, plan) for plan in [*visited, *self.waiting.pop(key, ())])

    def goal(self, instance: Grid, plan: Grid) -> Grid:
        """The label: the solved plan that fewest edits lead to, whose return is the highest that is known."""
        return min(self.goals[instance.tobytes()], key=lambda goal: int((goal != plan).sum()))

    def sample(self, count: int, rng: np.random.Generator) -> tuple[PlanStates, Grid]:
        """States drawn uniformly, and the solved plan that labels each, (B, n_cells).

        A label holds for any number of edits left that suffices to get there, so that number is drawn.
        """
        drawn = [self.kept[i] for i in rng.integers(len(self.kept), size=count)]
        instances, plans = (np.stack(grids) for grids in zip(*drawn, strict=True))
        goals = np.stack([self.goal(*pair) for pair in drawn])
        least = (plans != goals).sum(1).clip(1, self.max_edits)
        return PlanStates(instances, plans, rng.integers(least, self.max_edits + 1).astype(np.int32)), goals


# ---- 4. Learning: cross-entropy at every inner step, at depths drawn at random, and an average of the weights. ----


def loss_of(
    mdp: PlanEditMDP, network: TinyRecursiveModel, states: PlanStates, goals: Grid, unroll: int, settings: Settings
) -> Tensor:
    """Cross-entropy between what belongs into each cell by the label and by the network, a scalar."""
    logits = network(states, unroll, settings.gradient_unroll)
    target = torch.from_numpy((mdp.task.writes(states.plans) == goals[:, :, None]).argmax(2))
    target = target.expand(logits.shape[:3])
    loss = functional.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view(target.shape)
    # Locked cells count nothing, and cells that are right already little: they are easy.
    editable = mdp.action_mask(states).reshape(*goals.shape, -1).any(2)
    of_cell = torch.from_numpy(editable * np.where(states.plans == goals, settings.solved_cell_weight, 1.0)).float()
    # Deep supervision: a loss on every inner step. Later steps know more and weigh more.
    of_depth = torch.arange(1.0, len(logits) + 1.0).square()
    total: Tensor = of_depth / of_depth.sum() @ (loss * of_cell / of_cell.sum()).sum((1, 2))
    return total


def gradient_step(
    loss: Tensor, network: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer, before: int, decay: float
) -> None:
    """Gradient step number `before`; then the average, which is deployed, moves towards the latest weights."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    # A plain mean at first, so that the average soon forgets the first weights.
    decay = min(decay, 1.0 - 1.0 / (before + 1))
    for mean, latest in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.data.lerp_(latest.data, 1.0 - decay)


# ---- 5. Training: one step of all episodes, one gradient step, in turn. ----


def train(settings: Settings) -> tuple[PlanEditMDP, TinyRecursiveModel]:
    """Train an agent; return the puzzle's model and the averaged network."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    envs = gym.make_vec(settings.env, settings.num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    assert isinstance(envs, PlanEditVectorEnv)
    mdp, states = envs.mdp, states_of(envs.reset(seed=settings.seed)[0])
    network = TinyRecursiveModel(mdp, settings.width)
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
    memory, gradient_steps, learned = Memory(mdp), 0, "not learning yet"
    # Plans that each episode has visited so far, and how the latest episodes ended.
    trails: list[list[Grid]] = [[] for _ in range(settings.num_envs)]
    outcomes: deque[bool] = deque(maxlen=200)
    iterations = ceil(settings.steps / settings.num_envs)
    for iteration in range(iterations):
        # The averaged network plays: it is deployed, so its mistakes are what the memory needs.
        checker_weight = max(0.0, 1.0 - iteration * settings.num_envs / settings.checker_steps)
        probabilities = collecting_policy(mdp, averaged, states, checker_weight, settings)
        for trail, plan in zip(trails, states.plans, strict=True):
            trail.append(plan)
        observation, _, ended, _, info = envs.step(torch.multinomial(probabilities, 1)[:, 0].numpy())
        states = states_of(observation)
        for env in np.flatnonzero(ended).tolist():
            last, solved = info["final_obs"][env], bool(info["final_info"]["is_success"][env])
            memory.file(last["instance"], trails[env], last["plan"], solved)
            trails[env] = []
            outcomes.append(solved)
        # Learn from what has been solved, at a depth drawn for this step.
        if len(memory.kept) >= settings.min_buffer_size:
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1.0 - iteration / iterations)
            unroll = int(rng.integers(settings.low_unroll, settings.high_unroll + 1))
            loss = loss_of(mdp, network, *memory.sample(settings.batch_size, rng), unroll, settings)
            gradient_step(loss, network, averaged, optimizer, gradient_steps, settings.ema_decay)
            gradient_steps += 1
            learned = f"loss {loss.item():.3f}"
        if iteration % 50 == 49:
            print(
                f"step {(iteration + 1) * settings.num_envs:>7}  "
                f"solved while training {sum(outcomes) / max(1, len(outcomes)):6.1%}  "
                f"states kept {len(memory.kept):>6}  {learned}"
            )
    return mdp, averaged


# ---- 6. Evaluation: puzzles that were never trained on, one pass of the network an edit, the best edit each time. ----


@torch.no_grad()
def solved_share(mdp: PlanEditMDP, network: TinyRecursiveModel, instances: Grid, unroll: int) -> float:
    """Share of the instances that are solved within the budget of edits."""
    states, solved = mdp.initial(instances), 0
    while len(states.plans):
        # The best edit is the same at every beta.
        probabilities = policy(mdp, gains(mdp, network, states, unroll), states, beta=1.0)
        after = mdp.transition(states, probabilities.argmax(1).numpy())
        solved += int(after.checks.solved.sum())
        states = after.successors.at(~after.terminated)
    return solved / len(instances)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train and evaluate; return the share of held-out puzzles that are solved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Settings):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    settings = Settings(**vars(parser.parse_args(arguments)))
    torch.set_num_threads(1)  # Small networks run fastest on one thread.
    mdp, network = train(settings)
    source = gym.make(settings.env, split="test").get_wrapper_attr("source")
    assert isinstance(source, InstancePool)
    share = solved_share(mdp, network, source.instances, settings.unroll)
    print(f"HindsightTRM solved {share:.1%} of {len(source)} held-out puzzles of {settings.env}")
    return share


if __name__ == "__main__":
    main()
