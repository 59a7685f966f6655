"""training/sft/export.py: an embedded model that goes to Hugging Face's layout and back has the same weights.

    python test/train/test_export.py        in an environment with torch, gguf and safetensors; `npm run check:train` runs it
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "training" / "sft"))
sys.path.append(str(ROOT / "training"))

from data import DataError  # noqa: E402
from export import export_gguf  # noqa: E402
from export_safetensors import export as export_safetensors  # noqa: E402

MODELS = {
    "budgetforce-tiny": (ROOT / "local/model/budgetforce-tiny.gguf", ROOT / "local/model/tokenizer.json"),
    "budgetforce-small": (ROOT / "local/models/budgetforce-small/budgetforce-small.gguf", ROOT / "local/models/budgetforce-small/tokenizer.json"),
}


def weights_of(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(path).tensors}


class Gguf(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def test_an_embedded_model_comes_back_as_it_was(self) -> None:
        for name, (path, tokenizer) in MODELS.items():
            with self.subTest(name):
                export_safetensors(path, self.folder / name, tokenizer)
                export_gguf(self.folder / name, self.folder / f"{name}.gguf", name)
                before, after = weights_of(path), weights_of(self.folder / f"{name}.gguf")
                self.assertEqual(before.keys(), after.keys())
                for tensor, weight in before.items():
                    np.testing.assert_allclose(after[tensor], weight, atol=1e-6, err_msg=tensor)
                fields = [{key: bytes(field.parts[-1]) for key, field in gguf.GGUFReader(file).fields.items() if key not in ("general.name",)} for file in (path, self.folder / f"{name}.gguf")]
                self.assertEqual(fields[0].keys(), fields[1].keys())
                self.assertEqual([key for key in fields[0] if fields[0][key] != fields[1][key]], [])

    def test_another_architecture_is_refused(self) -> None:
        path, tokenizer = MODELS["budgetforce-tiny"]
        export_safetensors(path, self.folder / "tiny", tokenizer)
        file = self.folder / "tiny" / "config.json"
        config = json.loads(file.read_text())
        for change, message in (({"model_type": "qwen2"}, "architecture is qwen2"), ({"num_key_value_heads": 1}, "fewer heads of keys"), ({"tie_word_embeddings": False}, "not tied")):
            file.write_text(json.dumps({**config, **change}))
            with self.assertRaisesRegex(DataError, f"{message}.*convert_hf_to_gguf"):
                export_gguf(self.folder / "tiny", self.folder / "tiny.gguf", "tiny")


if __name__ == "__main__":
    unittest.main()
