#!/usr/bin/env bash
# Trains the tiny model from scratch: environment, tokenizer, weights, GGUF. Takes less than an hour on two cores.
# Everything is written into training/work/tiny. With --install as the first argument it then replaces the files in local/model.
set -euo pipefail
cd "$(dirname "$0")"
install=no
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi
work=work/tiny
python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
.venv/bin/python tokenizer.py --work "$work"
.venv/bin/python train.py --work "$work" "$@"
.venv/bin/python export_gguf.py --work "$work"
.venv/bin/python export_safetensors.py --gguf "$work/budgetforce-tiny.gguf" --tokenizer "$work/tokenizer.json" --out "$work/hugging-face"
.venv/bin/python beyond.py --work "$work"
if [ "$install" = yes ]; then
  cp -r "$work"/{budgetforce-tiny.gguf,tokenizer.json,questions.jsonl,beyond} ../local/model/
fi
