#!/usr/bin/env bash
set -euo pipefail
python -m benchmarks latents zoo:trc-van-der-pol --suite control-vdp --out benchmarks/published/latents.jsonl
python -m benchmarks results --seal
python -m benchmarks readme
