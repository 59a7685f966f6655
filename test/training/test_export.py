"""The export for vLLM gives the greedy tokens of the GGUF file: llama.cpp's, as recorded by greedy-tokens.test.ts, against plain PyTorch.

    python test/training/test_export.py        in an environment with torch, gguf, safetensors, tokenizers and jinja2
"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path

import jinja2
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "training"))

from export_safetensors import MODEL_FOLDER, export  # noqa: E402


class Llama:
    """The llama architecture in Hugging Face's layout, written from its description: rotary halves, SwiGLU, tied embeddings."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = load_file(folder / "model.safetensors")

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config["rms_norm_eps"])
        return x * scale * self.weights[f"{name}.weight"]

    def linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ self.weights[f"{name}.weight"].T

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        _, length, width = x.shape
        frequencies = self.config["rope_theta"] ** (-torch.arange(0, width, 2) / width)
        angles = torch.outer(torch.arange(length), frequencies).repeat(1, 2)
        first, second = x.chunk(2, dim=-1)
        return x * angles.cos() + torch.cat((-second, first), dim=-1) * angles.sin()

    def logits(self, ids: list[int]) -> torch.Tensor:
        """Logits of the token after the last."""
        heads = self.config["num_attention_heads"]
        split = lambda y: y.view(len(ids), heads, -1).transpose(0, 1)
        x = self.weights["model.embed_tokens.weight"][ids]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            y = self.norm(x, f"{name}.input_layernorm")
            q, k, v = (split(self.linear(y, f"{name}.self_attn.{part}_proj")) for part in "qkv")
            y = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True)
            x = x + self.linear(y.transpose(0, 1).flatten(1), f"{name}.self_attn.o_proj")
            y = self.norm(x, f"{name}.post_attention_layernorm")
            gate, up = self.linear(y, f"{name}.mlp.gate_proj"), self.linear(y, f"{name}.mlp.up_proj")
            x = x + self.linear(F.silu(gate) * up, f"{name}.mlp.down_proj")
        return self.norm(x, "model.norm")[-1] @ self.weights["model.embed_tokens.weight"].T


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        export(MODEL_FOLDER / "budgetforce-tiny.gguf", cls.folder)
        cls.recorded = json.loads((ROOT / "test/training/fixtures/greedy-tokens.json").read_text())

    def test_greedy_tokens_are_those_of_llama_cpp(self) -> None:
        # Threads that wait for each other on busy cores are slower than one.
        torch.set_num_threads(1)
        model = Llama(self.folder)
        differences = []
        with torch.inference_mode():
            for answer in self.recorded:
                ids = list(answer["prompt"])
                for index, expected in enumerate(answer["output"]):
                    logits = model.logits(ids)
                    best = int(logits.argmax())
                    if best != expected:
                        differences.append(f"{answer['id']}, token {index}: {best} by {float(logits[best] - logits[expected]):.4f} over {expected}")
                        break
                    ids.append(expected)
        self.assertEqual(len(self.recorded), 50)
        self.assertEqual(differences, [])

    def test_chat_template_renders_the_recorded_prompts(self) -> None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        template = jinja2.Template(json.loads((self.folder / "tokenizer_config.json").read_text())["chat_template"])
        for answer in self.recorded:
            messages = [{"role": "system", "content": "You are a careful assistant."}, {"role": "user", "content": answer["question"]}]
            text = template.render(messages=messages, add_generation_prompt=True)
            self.assertEqual(tokenizer.encode(text).ids, answer["prompt"])


if __name__ == "__main__":
    unittest.main()
