# Sourced by the run.sh of each model.

# Removes the options of the script from the arguments of the training, and checks --install.
#
# read_options STEPS "$@": STEPS is the number of training steps of the shipped weights. Sets `install`, `cuda` (yes or no) and `rest`.
read_options() {
  local recipe=$1 steps=$1 option
  shift
  install=no cuda=no rest=()
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
      --install) install=yes ;;
      --download-cuda) cuda=yes ;;
      --steps)
        steps=${1:-}
        rest+=("$option" "$steps")
        shift || true
        ;;
      --steps=*)
        steps=${option#--steps=}
        rest+=("$option")
        ;;
      *) rest+=("$option") ;;
    esac
  done
  if ! [[ $steps =~ ^[0-9]+$ ]]; then
    echo "--steps is '$steps'. Give a number of training steps." >&2
    return 2
  fi
  if [ "$install" = yes ] && [ "$steps" -lt "$recipe" ]; then
    echo "--install would replace the shipped weights by a model of $steps steps, but their recipe has $recipe. Leave out --install or --steps." >&2
    return 2
  fi
}

# Makes a Python environment. Training uses the CPU, so it takes a build of PyTorch without CUDA if the package index has one.
#
# make_environment FOLDER REQUIREMENTS CUDA: without CUDA=yes it asks before it downloads the CUDA libraries.
make_environment() {
  local folder=$1 requirements=$2 cuda=$3 version size answer
  python3 -m venv "$folder"
  version=$(sed -n 's/^torch==\([0-9.]*\)$/\1/p' "$requirements")
  if "$folder/bin/python" -c "import sys, torch; sys.exit(torch.__version__.split('+')[0] != '$version')" 2> /dev/null; then
    : # Installed before.
  elif "$folder/bin/pip" install --quiet --dry-run --no-deps "torch==$version+cpu" > /dev/null 2>&1; then
    "$folder/bin/pip" install --quiet "torch==$version+cpu"
  elif [ "$cuda" = no ]; then
    size=$("$folder/bin/pip" install --quiet --dry-run --report - "torch==$version" | "$folder/bin/python" -c "$CUDA_SIZE")
    if [ -n "$size" ]; then
      echo "The package index has no CPU build of PyTorch $version, only one with CUDA libraries: $size to download, and about twice as much on disk." >&2
      if [ -t 0 ]; then
        read -r -p 'Download it? [y/N] ' answer
        [[ $answer =~ ^[yY] ]] || return 1
      else
        echo 'Pass --download-cuda to download it, or set PIP_EXTRA_INDEX_URL to an index with CPU builds.' >&2
        return 1
      fi
    fi
  fi
  "$folder/bin/pip" install --quiet --requirement "$requirements"
}

# Prints the download size of what pip would install, or nothing if CUDA libraries are not part of it.
CUDA_SIZE='
import json, sys, urllib.request

installs = json.load(sys.stdin)["install"]
if any(install["metadata"]["name"].startswith("nvidia-") for install in installs):
    total = 0
    try:
        for install in installs:
            request = urllib.request.Request(install["download_info"]["url"], method="HEAD")
            with urllib.request.urlopen(request, timeout=30) as response:
                total += int(response.headers["content-length"])
        print(f"{total / 1e9:.1f} GB")
    except (OSError, TypeError, ValueError):
        print("some GB")
'
