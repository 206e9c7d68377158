"""Building and verifying the frozen pools: `python -m trm_envs.building build|verify`."""
