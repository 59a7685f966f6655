#!/usr/bin/env bash
# Optional check of the templates by third-party tools in Python (docs/emulator.md). Exits with 75 if they cannot be installed.
#   run.sh lint FOLDER...   cfn-lint over the synthesized templates in each folder
#   run.sh deploy           deploy a config, a changed config and all of config/ into moto's server, and destroy them
# EMULATOR_VENV is the folder of the virtual environment, which is reused. If unset, a temporary one is created and removed.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/node_modules/.bin:$PATH

skip() {
  printf 'skipped: %s\n' "$1"
  exit 75
}

install() {
  command -v python3 >/dev/null || skip 'python3 is not installed'
  venv=${EMULATOR_VENV:-}
  if [ -z "$venv" ]; then
    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    venv=$temporary/venv
  fi
  [ -x "$venv/bin/cfn-lint" ] && [ -x "$venv/bin/moto_server" ] && return
  python3 -m venv "$venv" || skip 'the venv module of python3 is missing'
  timeout 600 "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement test/emulator/requirements.txt ||
    skip 'pip could not install test/emulator/requirements.txt: no package index is reachable, or Python is too old'
}

case ${1:-} in
  lint)
    shift
    install
    for folder in "$@"; do
      # W3005: CDK adds a DependsOn to a role that is also referenced.
      timeout 600 "$venv/bin/cfn-lint" --ignore-checks W3005 --non-zero-exit-code warning -- "$folder"/*.template.json
      printf 'cfn-lint: no errors and no warnings in %d templates\n' "$(find "$folder" -name '*.template.json' | wc -l)"
    done
    ;;
  deploy)
    install
    PYTHONPATH=test timeout 1200 "$venv/bin/python" -m emulator.check
    ;;
  *)
    sed -n '2,5p' "$0"
    exit 2
    ;;
esac
