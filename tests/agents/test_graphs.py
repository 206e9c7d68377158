"""Groups that come from the instance: the exact-cover core on a graph a state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.registry import METHODS
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.suites import pool
from trm_agents import HindsightTRM
from trm_agents.commands.game import action_of, prompt
from trm_agents.recursion import Cells, CertifiedExactCover, ExactCover, plan_decoder, token_network
from trm_agents.recursion.encoders import token_table
from trm_envs.colouring.env import GraphColouringPlanEditEnv, GraphColouringPlanEditVectorEnv
from trm_envs.colouring.generator import generate
from trm_envs.colouring.task import GraphColouringTask
from trm_envs.light_up.task import LightUpTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

TASK = GraphColouringTask(9, 3)
MDP = PlanEditMDP(TASK)
CORES = pytest.mark.parametrize(
    "core", [ExactCover(), Cells(), ExactCover(maxima=0.5)], ids=["candidates", "cells", "half maxima"]
)


def states(batch=4, seed=0):
    rng = np.random.default_rng(seed)
    graphs = generate(9, 3, "random", batch, rng, edges=(6, 14))
    return MDP.initial(graphs)._replace(plans=rng.integers(0, 4, (batch, 9)).astype(np.int8))


def seen(of):
    return {key: torch.from_numpy(value) for key, value in observe(of).items()}


def decoder(mdp=MDP, **kwargs):
    torch.manual_seed(0)
    made = plan_decoder(mdp, **{"width": 8, "unroll": 4, **kwargs})
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def logits(net, observation):
    return net.logits(net.run(observation).latents, observation)


class OneGraph(GraphColouringTask):
    """A task whose groups are the edges of one graph, as those of other puzzles are."""

    has_graphs = False

    def __init__(self, instance):
        super().__init__(9, 3)
        self.edges = np.argwhere(np.triu(instance.reshape(9, 9)))

    @property
    def instance_shape(self):
        return self.shape

    @property
    def groups(self):
        return {"edge": self.edges}


@CORES
def test_a_graph_of_the_instance_gives_what_the_same_graph_of_a_task_gives(core):
    of, net = states(), decoder(core=core)
    found = logits(net, seen(of))
    for row, instance in enumerate(of.instances):
        task = OneGraph(instance)
        fixed = decoder(PlanEditMDP(task), core=core)
        # Categories by instance value as well: the same embedding for each of them.
        weights = {k: v for k, v in net.state_dict().items() if k != "encoder.category"}
        fixed.load_state_dict(weights, strict=False)
        category = net.encoder.category
        copies = 1 if core.alike else len(fixed.encoder.category) // len(category)
        fixed.encoder.category.data = category.data.repeat(copies, 1)
        alone = {key: value[row : row + 1] for key, value in seen(of).items()}
        alone["instance"] = torch.zeros(1, 9, dtype=torch.int8)
        assert torch.allclose(logits(fixed, alone)[:, 0], found[:, row], atol=1e-5)


def light(size=4):
    """States of a task that has groups of its own beside the graphs of its instances."""
    rng, mdp = np.random.default_rng(0), PlanEditMDP(LightUpTask(size))
    instances = rng.choice([0, 0, 0, 1, 3], (5, size * size)).astype(np.int8)
    plans = (rng.random(instances.shape) < 0.3) & (instances == 0)
    return mdp, PlanStates(instances, plans.astype(np.int8), np.full(5, 3))


@CORES
@pytest.mark.parametrize(("mdp", "of"), [(MDP, states()), light()], ids=["graphs", "graphs and groups"])
def test_compiled_loops_on_graphs_are_those_of_pytorch_in_double_precision(core, mdp, of):
    net, observation = decoder(mdp, core=core), seen(of)
    compiled = logits(net, observation)
    weight = torch.randn_like(compiled)
    (compiled * weight).sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in net.named_parameters()}
    net.zero_grad()
    exact = logits(net.double(), observation)
    (exact * weight.double()).sum().backward()
    assert torch.allclose(compiled.double(), exact, atol=1e-5)
    for name, parameter in net.named_parameters():
        assert (parameter.grad - gradients[name]).norm() / parameter.grad.norm() < 1e-4, name


def test_edges_matter_and_only_those_of_the_own_instance():
    net, of = decoder(), states()
    found = logits(net, seen(of))
    other = of._replace(instances=of.instances[[1, 1, 2, 3]])
    moved = logits(net, seen(other))
    assert not torch.allclose(moved[:, 0], found[:, 0]) and torch.equal(moved[:, 1:], found[:, 1:])


def test_groups_beside_a_graph_are_heard_as_well():
    """In a plan of one bulb, a cell in sight and a cell beside a wall's number hear it, and none else in two steps."""
    mdp, _ = light(5)
    instance = np.zeros(25, np.int8)
    instance[[5, 6, 7, 8, 9]] = 1
    before = mdp.initial(instance[None])
    after = before._replace(plans=np.eye(25, dtype=np.int8)[[12]])
    net = decoder(mdp, unroll=2)
    for parameter in net.parameters():
        # Small latents stay within the ball: projecting all tokens would change all of them.
        parameter.data *= 0.2
    changed = (logits(net, seen(before)) != logits(net, seen(after)))[-1, 0, :, 0].numpy()
    in_sight = [10, 11, 13, 14, 17, 22]
    assert sorted(np.flatnonzero(changed)) == sorted([12, 7, *in_sight])


def test_the_network_goes_along_with_renumbered_vertices_and_renamed_colours():
    net, of = decoder(), states()
    drawn = TASK.symmetries(4, np.random.default_rng(1))
    turned = of._replace(instances=drawn.apply_to_instances(of.instances), plans=drawn.apply(of.plans))
    before, after = logits(net, seen(of)).detach().numpy(), logits(net, seen(turned)).detach().numpy()
    for row in range(4):
        moved = before[:, row, drawn.cells[row]]
        assert np.allclose(after[:, row][:, :, drawn.symbols[row, 1:].astype(int) - 1], moved, atol=1e-5)


def test_weights_have_no_size():
    small, large = decoder(), decoder(PlanEditMDP(GraphColouringTask(30, 5)))
    large.load_state_dict(small.state_dict())
    graphs = generate(30, 5, "planted", 2, np.random.default_rng(0))
    observation = seen(PlanEditMDP(GraphColouringTask(30, 5)).initial(graphs))
    assert logits(large, observation).shape == (4, 2, 30, 5)


def test_a_contraction_is_refused_where_every_instance_has_a_graph():
    for build in (plan_decoder, token_network):
        with pytest.raises(ValueError, match=r"the groups 'edge' are another graph in every instance.*ExactCover\(\)"):
            build(MDP, core=CertifiedExactCover())
    assert token_table(TASK).tolist() == [[[0, 0, 0], [1, 2, 2], [2, 1, 2], [2, 2, 1]]]


def test_a_person_is_told_how_to_type_an_edit_of_a_graph():
    env = GraphColouringPlanEditEnv(9, 3)
    assert prompt(env) == "type ROW COLUMN SYMBOL, SYMBOL one of 1 2 3" and action_of(env, ["1", "4", "2"]) == 10


def test_training_on_graphs_repeats_itself_and_continues_where_it_was_saved(tmp_path):
    def model():
        env = GraphColouringPlanEditVectorEnv(8, 9, 3, kind="planted", autoreset_mode="SameStep")
        settings = {"min_buffer_size": 30, "checker_steps": 200, "batch_size": 8, "buffer_size": 500}
        return HindsightTRM("TokenPolicy", env, seed=0, n_steps=6, policy_kwargs={"core": ExactCover()}, **settings)

    whole = model().learn(480)
    half = model().learn(240)
    half.save(tmp_path / "half.zip")
    env = GraphColouringPlanEditVectorEnv(8, 9, 3, kind="planted", autoreset_mode="SameStep")
    resumed = HindsightTRM.load(tmp_path / "half.zip", env, force_reset=False).learn(240, reset_num_timesteps=False)
    assert whole.memory.size > 30 and whole.gradient_steps_done > 0
    for one, other in zip(whole.policy.parameters(), resumed.policy.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["ppo", "trm_maskable_ppo", "trm_dqn", "upi_trm"])
def test_rows_of_the_registry_train_and_play_on_graphs(name):
    row, env_id = METHODS[name], "GraphColouringPlanEdit-20-k3-v0"
    assert row.supports(env_id)
    model = row.make(env_id, {"kind": "planted"}, 0, settings={"n_steps": 2} if name != "trm_dqn" else {})
    model.learn(48)
    found = pool(env_id, {}, "validation").chosen(np.arange(3))
    result = evaluate(row.agent(model, found.mdp, np.random.default_rng(0)), *found)
    assert result.edits.max() <= 40 and result.network_calls.min() >= 1
