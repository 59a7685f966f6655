"""Compares the weights of two models: prints {"names": whether both have the same, "largest": largest difference, "moved": largest
difference of the first from a third, the base}.

    python test/train/compare_weights.py FOLDER FOLDER BASE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safetensors.torch import load_file

one, other, base = (load_file(Path(folder) / "model.safetensors") for folder in sys.argv[1:4])


def largest(a: dict, b: dict) -> float:
    return max((a[name] - b[name]).abs().max().item() for name in a.keys() & b.keys())


print(json.dumps({"names": one.keys() == other.keys(), "largest": largest(one, other), "moved": largest(one, base)}))
