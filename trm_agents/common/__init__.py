"""What the algorithms share: the resumable loop, rollout, policy base, vector environments."""
