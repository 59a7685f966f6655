"""Writes a trained model: safetensors in Hugging Face's layout for vLLM, and GGUF for the embedded engine.

    python training/sft/export.py gguf --model FOLDER --out model.gguf       llamas like the embedded models
    python training/sft/export.py merge --base FOLDER --adapter FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

import torch

from data import DataError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "vocab.json", "merges.txt", "generation_config.json")
"""Files that the trained model has from its base, byte for byte: fine-tuning changes no token."""


def save_model(trainer, base: str, output: Path) -> None:
    """Gathers the weights of all processes and writes them in the precision of the base model."""
    from transformers import AutoConfig

    state = gathered_state(trainer)
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        dtype = AutoConfig.from_pretrained(base).dtype or torch.float32
        model.config.use_cache = True
        model.config.dtype = dtype
        if model.config.tie_word_embeddings:
            state.pop("lm_head.weight", None)
        empty_of_weights(output)
        model.save_pretrained(output, state_dict={name: weight.to(dtype) for name, weight in state.items()})
        copy_tokenizer(base, output)
    trainer.accelerator.wait_for_everyone()


def save_adapter(trainer, output: Path) -> None:
    """Gathers the weights of a LoRA adapter and writes them in PEFT's layout.

    PEFT's own `save_pretrained` finds no weights under FSDP's activation checkpointing, whose modules have other names than the weights.
    """
    from safetensors.torch import save_file

    state = gathered_state(trainer)
    if trainer.is_world_process_zero():
        config = trainer.accelerator.unwrap_model(trainer.model_wrapped).peft_config["default"]
        adapter = {name.replace(".default.", "."): weight.contiguous() for name, weight in state.items() if ".lora_" in name}
        output.mkdir(parents=True, exist_ok=True)
        config.inference_mode = True
        config.save_pretrained(str(output))
        save_file(adapter, output / "adapter_model.safetensors", metadata={"format": "pt"})
    trainer.accelerator.wait_for_everyone()


def gathered_state(trainer) -> dict[str, torch.Tensor]:
    """All weights, on the first process."""
    plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
    if plugin is not None:
        plugin.set_state_dict_type("FULL_STATE_DICT")
    return trainer.accelerator.get_state_dict(trainer.model_wrapped) or {}


def merge_adapter(base: str, adapter: Path, output: Path) -> None:
    """Adds a LoRA adapter to the weights of its base and writes them, in the precision of the base. Needs memory for the whole model."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    with warnings.catch_warnings():
        # A weight that is missing in the adapter is only a warning of PEFT, and would leave the base as it is.
        warnings.filterwarnings("error", message="Found missing adapter keys")
        merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    empty_of_weights(output)
    merged.save_pretrained(output)
    copy_tokenizer(base, output)


def empty_of_weights(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    # Shards of a model that was here before would be read with the new ones.
    for file in [*output.glob("model*.safetensors"), *output.glob("model.safetensors.index.json")]:
        file.unlink()


def copy_tokenizer(base: str, output: Path) -> None:
    folder = Path(base)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(base, allow_patterns=list(TOKENIZER_FILES)))
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, output / name)


def export_gguf(folder: Path, path: Path, name: str) -> None:
    """Writes a llama like the embedded models as GGUF with 8-bit weights.

    Raises DataError for other architectures.
    """
    from safetensors.torch import load_file

    sys.path.append(str(Path(__file__).parent.parent))
    import export_gguf as embedded
    from export_safetensors import LAYER_NAMES
    from model import Config, Llama

    config = json.loads((folder / "config.json").read_text(encoding="utf8"))
    check_embedded(config, folder)
    shape = Config(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        context=config["max_position_embeddings"],
        rope_base=rope_base(config),
        norm_epsilon=config["rms_norm_eps"],
    )
    weights = load_file(folder / "model.safetensors")
    state = {"embedding.weight": weights["model.embed_tokens.weight"], "norm.weight": weights["model.norm.weight"]}
    for layer in range(shape.layers):
        part = {name: weights[f"model.layers.{layer}.{hub}.weight"] for name, hub in LAYER_NAMES.items()}
        q, k = (pairs_for_halves(part[name], shape.heads) for name in ("attn_q", "attn_k"))
        block = {
            "attention_norm": part["attn_norm"],
            "attention.qkv": torch.cat((q, k, part["attn_v"])),
            "attention.out": part["attn_output"],
            "feed_norm": part["ffn_norm"],
            "gate_and_up": torch.cat((part["ffn_gate"], part["ffn_up"])),
            "down": part["ffn_down"],
        }
        state |= {f"blocks.{layer}.{name}.weight": weight for name, weight in block.items()}
    model = Llama(shape)
    model.load_state_dict({name: weight.float() for name, weight in state.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    embedded.export(model, name, folder / "tokenizer.json", path)


def check_embedded(config: dict, folder: Path) -> None:
    head_width = config.get("head_dim") or config.get("hidden_size", 0) // config.get("num_attention_heads", 1)
    other = [
        what
        for what, differs in {
            f"its architecture is {config.get('model_type')}": config.get("model_type") != "llama",
            "it has fewer heads of keys than of queries": config.get("num_key_value_heads") != config.get("num_attention_heads"),
            "its embeddings are not tied": not config.get("tie_word_embeddings"),
            "its heads are not as wide as the model together": head_width * config.get("num_attention_heads", 0) != config.get("hidden_size"),
            "its weights are in several files": not (folder / "model.safetensors").is_file(),
        }.items()
        if differs
    ]
    if other:
        raise DataError(f"{folder} is no llama like the embedded models: {', '.join(other)}. Convert it with llama.cpp's convert_hf_to_gguf.py.")


def rope_base(config: dict) -> float:
    return config.get("rope_theta") or config["rope_parameters"]["rope_theta"]


def pairs_for_halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorders the rows of each head from Hugging Face's halves (i, i + half) to llama.cpp's neighbours (2i, 2i + 1)."""
    rows, width = weight.shape
    return weight.view(heads, 2, rows // heads // 2, width).transpose(1, 2).reshape(rows, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    to_gguf = commands.add_parser("gguf")
    to_gguf.add_argument("--model", type=Path, required=True, help="folder in Hugging Face's layout")
    to_gguf.add_argument("--out", type=Path, required=True, help="GGUF file")
    to_gguf.add_argument("--name", default="Budgetforce fine-tuned", help="name in the file")
    merge = commands.add_parser("merge")
    merge.add_argument("--base", required=True)
    merge.add_argument("--adapter", type=Path, required=True)
    merge.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command == "merge":
            merge_adapter(options.base, options.adapter, options.out)
        else:
            export_gguf(options.model, options.out, options.name)
    except (DataError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
