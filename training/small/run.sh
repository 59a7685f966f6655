#!/usr/bin/env bash
# Trains the small model from scratch: environment, tokenizer, held-out questions, weights, GGUF. Takes about an hour and a half on two cores that others use too.
# Everything is written into training/work/small; the same command continues an interrupted training.
# With --install it then replaces the files in local/models/budgetforce-small; fewer steps than the recipe has are refused.
# --download-cuda downloads PyTorch's CUDA libraries without asking, if the package index has no CPU build.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./environment.sh
read_options 4200 "$@"
work=work/small
make_environment small/.venv small/requirements.txt "$cuda"
small/.venv/bin/python -m small.tokenizer --work "$work"
small/.venv/bin/python -m small.questions --work "$work"
small/.venv/bin/python -m small.train --work "$work" ${rest[@]+"${rest[@]}"}
small/.venv/bin/python -m small.export_gguf --work "$work"
if [ "$install" = yes ]; then
  mkdir -p ../local/models/budgetforce-small
  cp -r "$work"/{budgetforce-small.gguf,tokenizer.json,questions.jsonl,sets} ../local/models/budgetforce-small/
fi
