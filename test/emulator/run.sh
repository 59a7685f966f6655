#!/usr/bin/env bash
# Contributors' extra check of the templates by others' tools, in Python (docs/emulator.md). Exits with 75 where they cannot be installed.
#   run.sh lint FOLDER...   cfn-lint over the synthesized templates in each folder
#   run.sh deploy           deploy, deploy a changed config, destroy; deploy all of config/, destroy: into moto's server
# EMULATOR_VENV names a folder to install into, and to find what is installed; without it a temporary one is made and removed.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/node_modules/.bin:$PATH

skip() {
  printf 'skipped: %s\n' "$1"
  exit 75
}

install() {
  command -v python3 >/dev/null || skip 'there is no python3'
  venv=${EMULATOR_VENV:-}
  if [ -z "$venv" ]; then
    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    venv=$temporary/venv
  fi
  [ -x "$venv/bin/cfn-lint" ] && [ -x "$venv/bin/moto_server" ] && return
  python3 -m venv "$venv" || skip 'python3 has no venv'
  timeout 600 "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement test/emulator/requirements.txt ||
    skip 'pip could not install test/emulator/requirements.txt: no package index within reach, or Python is too old'
}

case ${1:-} in
  lint)
    shift
    install
    for folder in "$@"; do
      # W3005: CDK writes a DependsOn on a role beside the reference to it.
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
