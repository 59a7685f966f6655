"""Writes a LoRA adapter of random weights for the exported model: it must change the output, not improve it.

    python make_adapter.py MODEL_FOLDER ADAPTER_FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

RANK = 8


def main(model: Path, folder: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    width, rng = config["hidden_size"], np.random.default_rng(14)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for part in ("q_proj", "v_proj"):
            name = f"base_model.model.model.layers.{layer}.self_attn.{part}"
            tensors[f"{name}.lora_A.weight"] = rng.normal(0, 0.1, (RANK, width)).astype(np.float32)
            tensors[f"{name}.lora_B.weight"] = rng.normal(0, 0.1, (width, RANK)).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    adapter = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "bias": "none", "base_model_name_or_path": str(model)}
    (folder / "adapter_config.json").write_text(json.dumps(adapter, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
