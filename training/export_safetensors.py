"""Writes the embedded model in Hugging Face's layout for vLLM: the weights of the GGUF file as float32, with config, tokenizer and chat template."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

MODEL_FOLDER = Path(__file__).parent.parent / "local" / "model"

LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def export(path: Path, folder: Path, tokenizer_path: Path = MODEL_FOLDER / "tokenizer.json") -> None:
    reader = gguf.GGUFReader(path)
    field = lambda name: content(reader.fields[name])
    of = lambda name: field(f"llama.{name}")
    heads = of("attention.head_count")
    folder.mkdir(parents=True, exist_ok=True)
    weights = {hub_name(tensor.name): as_hub(tensor, heads) for tensor in reader.tensors}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokens = field("tokenizer.ggml.tokens")
    eos, pad = field("tokenizer.ggml.eos_token_id"), field("tokenizer.ggml.padding_token_id")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": of("vocab_size"),
        "hidden_size": of("embedding_length"),
        "intermediate_size": of("feed_forward_length"),
        "num_hidden_layers": of("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": of("attention.head_count_kv"),
        "head_dim": of("rope.dimension_count"),
        "hidden_act": "silu",
        "max_position_embeddings": of("context_length"),
        "rms_norm_eps": of("attention.layer_norm_rms_epsilon"),
        "rope_theta": of("rope.freq_base"),
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": pad,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "dtype": "float32",
    }
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": of("context_length"),
        "add_bos_token": False,
        "bos_token": None,
        "eos_token": tokens[eos],
        "pad_token": tokens[pad],
        "clean_up_tokenization_spaces": False,
        "chat_template": field("tokenizer.chat_template"),
    }
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {"eos_token_id": eos, "pad_token_id": pad})
    write_json(folder / "tokenizer_config.json", tokenizer)
    shutil.copyfile(tokenizer_path, folder / "tokenizer.json")
    print(f"{folder}: {len(weights)} tensors, {sum(weight.size for weight in weights.values()):,} parameters")


def content(field: gguf.ReaderField):
    """The value of a field: a number, a text, or a list of texts."""
    texts = lambda: [bytes(field.parts[index]).decode("utf8") for index in field.data]
    if field.types[0] == gguf.GGUFValueType.ARRAY:
        return texts()
    if field.types[0] == gguf.GGUFValueType.STRING:
        return texts()[0]
    return field.parts[field.data[0]][0].item()


def hub_name(name: str) -> str:
    if name in ("token_embd.weight", "output_norm.weight"):
        return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"


def as_hub(tensor: gguf.ReaderTensor, heads: int) -> np.ndarray:
    weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    if tensor.name.endswith(("attn_q.weight", "attn_k.weight")):
        return halves_for_pairs(weight, heads)
    return np.ascontiguousarray(weight)


def halves_for_pairs(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorders the rows of each head: llama.cpp rotates neighbours (2i, 2i + 1), Hugging Face's layout rotates i with i + half the head."""
    rows, width = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, width)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows, width))


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, default=MODEL_FOLDER / "budgetforce-tiny.gguf")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "work" / "hugging-face")
    parser.add_argument("--tokenizer", type=Path, default=MODEL_FOLDER / "tokenizer.json")
    arguments = parser.parse_args()
    export(arguments.gguf, arguments.out, arguments.tokenizer)
