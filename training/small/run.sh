#!/usr/bin/env bash
# Trains the small model from scratch: environment, tokenizer, held-out questions, weights, GGUF. Takes about an hour on two cores.
# Everything is written into training/work/small; the same command continues an interrupted training.
# With --install as the first argument it then replaces the files in local/models/budgetforce-small.
set -euo pipefail
cd "$(dirname "$0")/.."
install=no
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi
work=work/small
python3 -m venv small/.venv
small/.venv/bin/pip install --quiet --requirement small/requirements.txt
small/.venv/bin/python -m small.tokenizer --work "$work"
small/.venv/bin/python -m small.questions --work "$work"
small/.venv/bin/python -m small.train --work "$work" "$@"
small/.venv/bin/python -m small.export_gguf --work "$work"
if [ "$install" = yes ]; then
  mkdir -p ../local/models/budgetforce-small
  cp -r "$work"/{budgetforce-small.gguf,tokenizer.json,questions.jsonl,sets} ../local/models/budgetforce-small/
fi
