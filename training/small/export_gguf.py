"""Writes the checkpoint of the small model as a GGUF file for llama.cpp, with the tokenizer."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from export_gguf import export

from .model import small_model

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with checkpoint.pt and tokenizer.json, for budgetforce-small.gguf")
    work = parser.parse_args().work
    model = small_model()
    model.load_state_dict(torch.load(work / "checkpoint.pt", weights_only=True)["model"])
    export(model, "Budgetforce small", work / "tokenizer.json", work / "budgetforce-small.gguf")
