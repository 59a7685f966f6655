#!/usr/bin/env bash
# Trains the tiny model from scratch: environment, tokenizer, weights, GGUF. Takes less than an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
.venv/bin/python tokenizer.py
.venv/bin/python train.py "$@"
.venv/bin/python export_gguf.py
.venv/bin/python export_safetensors.py
.venv/bin/python beyond.py
