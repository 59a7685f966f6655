"""Writes a checkpoint as a GGUF file for llama.cpp: architecture llama, 8-bit weights in blocks of 32 (Q8_0), with the tokenizer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from model import Config, Llama
from tokenizer import CONTROLS

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<|im_start|>think' }}{% endif %}"
)


def export(model: Llama, name: str, tokenizer: Path, path: Path) -> None:
    config = model.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_license("Apache-2.0")
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    add_tokenizer(writer, tokenizer, config.vocabulary)

    eight_bits = gguf.GGMLQuantizationType.Q8_0
    as_array = lambda tensor: tensor.detach().numpy().astype(np.float32)
    matrix = lambda name, tensor: writer.add_tensor(name, gguf.quants.quantize(as_array(tensor), eight_bits), raw_dtype=eight_bits)
    matrix("token_embd.weight", model.embedding.weight)
    for index, block in enumerate(model.blocks):
        q, k, v = block.attention.qkv.weight.chunk(3)
        gate, up = block.gate_and_up.weight.chunk(2)
        weights = {"attn_q": q, "attn_k": k, "attn_v": v, "attn_output": block.attention.out.weight, "ffn_gate": gate, "ffn_up": up, "ffn_down": block.down.weight}
        for name, weight in weights.items():
            matrix(f"blk.{index}.{name}.weight", weight)
        writer.add_tensor(f"blk.{index}.attn_norm.weight", as_array(block.attention_norm.weight))
        writer.add_tensor(f"blk.{index}.ffn_norm.weight", as_array(block.feed_norm.weight))
    writer.add_tensor("output_norm.weight", as_array(model.norm.weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{path}: {path.stat().st_size:,} bytes, {model.parameter_count():,} parameters")


def add_tokenizer(writer: gguf.GGUFWriter, path: Path, vocabulary: int) -> None:
    tokenizer = json.loads(path.read_text(encoding="utf8"))
    ids = {token: number for token, number in tokenizer["model"]["vocab"].items()}
    for added in tokenizer["added_tokens"]:
        ids[added["content"]] = added["id"]
    tokens = sorted(ids, key=ids.__getitem__)
    assert [ids[token] for token in tokens] == list(range(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in CONTROLS else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) if isinstance(merge, list) else merge for merge in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(ids["<|im_end|>"])
    writer.add_eot_token_id(ids["<|im_end|>"])
    writer.add_bos_token_id(ids["<|endoftext|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with checkpoint.pt and tokenizer.json, for budgetforce-tiny.gguf")
    work = parser.parse_args().work
    tiny = Llama(Config())
    tiny.load_state_dict(torch.load(work / "checkpoint.pt", weights_only=True))
    export(tiny, "Budgetforce tiny", work / "tokenizer.json", work / "budgetforce-tiny.gguf")
