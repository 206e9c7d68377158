#!/usr/bin/env bash
# Settings have today's names. Of the eight trials of a2c, upi_trm and trm_dqn one each drew settings that an earlier one had, so
# they had seven different ones: tune did not yet draw again what had been tried.
set -euo pipefail
tune() { python -m benchmarks tune --algos "$1" --out runs/tuning --publish tuning; }
tune ppo,dqn,maskable_ppo,a2c,maskable_ppo-consistent,hindsight_trm
tune upi_trm,trm_ppo,trm_a2c
tune trm_dqn
tune trm_maskable_ppo,trm_maskable_ppo-consistent
