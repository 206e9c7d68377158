"""Counts weights for docs/algorithms/recursive_policies.md: `python docs/policies.py` writes them there."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from trm_agents.recursive_policies import MLPPolicy, TRMPolicy

PAGE = Path(__file__).parent / "algorithms" / "recursive_policies.md"
MARKS = ("<!-- parameters -->", "<!-- /parameters -->")


def weights(module: nn.Module) -> int:
    """Numbers in it that are learned."""
    return sum(weight.numel() for weight in module.parameters())


def rows() -> list[tuple[str, int, int]]:
    """Each policy, its weights without those of the value alone, and all of them."""
    mlp = MLPPolicy.of()
    critic = weights(mlp.mlp_extractor.value_net) + weights(mlp.value_net)
    found = [("`MLPPolicy.of()`", weights(mlp) - critic, weights(mlp))]
    for call, policy in (
        ("TRMPolicy.of()", TRMPolicy.of()),
        ("TRMPolicy.of(k_cycles=5)", TRMPolicy.of(k_cycles=5)),
        ("TRMPolicy.of(action_conditioning=False)", TRMPolicy.of(action_conditioning=False)),
    ):
        of_value = weights(policy.readings.network.value_head)
        found.append((f"`{call}`", weights(policy) - of_value, weights(policy)))
    return found


def table() -> str:
    """The table in Markdown."""
    lines = ["| policy | weights of the actor | with the critic |", "| :--- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {name} | {actor:,} | {everything:,} |" for name, actor, everything in rows())])


def page() -> str:
    """The page with the table in its place."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    return f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
