#!/usr/bin/env bash
# Trains the tiny model from scratch: environment, tokenizer, weights in two parts, GGUF. Under an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
.venv/bin/python tokenizer.py
.venv/bin/python train.py --steps 2200 "$@"
.venv/bin/python train.py --resume checkpoint.pt --checks --steps 900 --learning-rate 0.01 --seed 2 --out checkpoint2.pt "$@"
.venv/bin/python export_gguf.py --checkpoint checkpoint2.pt
