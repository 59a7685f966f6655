#!/usr/bin/env bash
# Trains the tiny model from scratch: environment, tokenizer, weights, GGUF. Takes less than an hour on two cores.
# Everything is written into training/work/tiny. With --install it then replaces the files in local/model; fewer steps than
# the recipe has are refused. --download-cuda downloads PyTorch's CUDA libraries without asking, if the package index has no CPU build.
set -euo pipefail
cd "$(dirname "$0")"
. ./environment.sh
read_options 3600 "$@"
work=work/tiny
make_environment .venv requirements.txt "$cuda"
.venv/bin/python tokenizer.py --work "$work"
.venv/bin/python train.py --work "$work" ${rest[@]+"${rest[@]}"}
.venv/bin/python export_gguf.py --work "$work"
.venv/bin/python export_safetensors.py --gguf "$work/budgetforce-tiny.gguf" --tokenizer "$work/tokenizer.json" --out "$work/hugging-face"
.venv/bin/python beyond.py --work "$work"
if [ "$install" = yes ]; then
  cp -r "$work"/{budgetforce-tiny.gguf,tokenizer.json,questions.jsonl,beyond} ../local/model/
fi
