"""training/sft/preference.py: rows of pairs and of judged answers, and what is refused.

    python test/train/test_preference.py        in an environment with TRL; `npm run check:train` runs it
"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path

from tokenizers import Tokenizer

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "training" / "sft"))

from data import DataError  # noqa: E402
from preference import read_preferences  # noqa: E402

TOKENIZER = Tokenizer.from_file(str(ROOT / "local/model/tokenizer.json"))
PROMPT = "<|im_start|>user\n3 + 4?<|im_end|>\n<|im_start|>assistant\n<|im_start|>think"
PAIR = {"prompt": PROMPT, "chosen": "\n7\n<|im_start|>answer\n7<|im_end|>", "rejected": "\n8\n<|im_start|>answer\n8<|im_end|>", "kind": "vote"}


class Preferences(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def read(self, *rows: object, task: str = "dpo", block_size: int = 100, too_long: str = "refuse"):
        (self.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_preferences(Namespace(task=task, data=self.folder, block_size=block_size, too_long=too_long), TOKENIZER)

    def test_pairs_are_encoded_with_their_control_tokens(self) -> None:
        read = self.read(PAIR)
        [row] = read.rows
        self.assertEqual(set(row), {"prompt_ids", "chosen_ids", "rejected_ids"})
        self.assertEqual(row["chosen_ids"][-1], TOKENIZER.token_to_id("<|im_end|>"))
        self.assertIn(TOKENIZER.token_to_id("<|im_start|>"), row["prompt_ids"])
        self.assertEqual(read.lengths.trained_tokens, len(row["chosen_ids"]) + len(row["rejected_ids"]))

    def test_judged_answers_keep_their_label(self) -> None:
        [row] = self.read({"prompt": PROMPT, "completion": PAIR["chosen"], "label": False}, task="kto").rows
        self.assertIs(row["label"], False)

    def test_what_is_held_out_is_not_trained_on(self) -> None:
        (self.folder / "held-out.jsonl").write_text(json.dumps(PAIR) + "\n")
        self.assertEqual(len(self.read(PAIR, PAIR).rows), 2)

    def test_a_row_that_is_too_long_is_refused_or_left_out_never_cut(self) -> None:
        with self.assertRaisesRegex(DataError, r"line 1 has \d+ tokens, above the block size of 10"):
            self.read(PAIR, block_size=10)
        long = {**PAIR, "rejected": PAIR["rejected"] * 20}
        read = self.read(PAIR, long, too_long="drop")
        self.assertEqual((len(read.rows), read.lengths.dropped), (1, 1))

    def test_bad_rows_name_their_line_and_column(self) -> None:
        for row, message in (
            ({**PAIR, "chosen": ""}, "line 2 has no chosen, which must be a text"),
            ({"prompt": PROMPT}, "line 2 has no chosen"),
            ({**PAIR, "rejected": PAIR["chosen"]}, "line 2 has the same text as chosen and as rejected"),
            (["no object"], "line 2 is no JSON object"),
        ):
            with self.subTest(message), self.assertRaisesRegex(DataError, message):
                self.read(PAIR, row)
        with self.assertRaisesRegex(DataError, "no label, which must be true or false"):
            self.read({"prompt": PROMPT, "completion": "x", "label": "yes"}, task="kto")
        with self.assertRaisesRegex(DataError, "has no rows for dpo"):
            self.read()


if __name__ == "__main__":
    unittest.main()
