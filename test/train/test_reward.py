"""training/sft/reward.py: rows of questions, and what an answer that the model sampled is worth.

    python test/train/test_reward.py        in an environment with TRL; `npm run check:train` runs it
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

from data import DataError, RowEncoder  # noqa: E402
from options import parse_options  # noqa: E402
from reward import Reward, read_questions  # noqa: E402

TOKENIZER = Tokenizer.from_file(str(ROOT / "local/model/tokenizer.json"))
PROMPT = "<|im_start|>user\n3 + 4?<|im_end|>\n<|im_start|>assistant\n<|im_start|>think"
ROW = {"prompt": PROMPT, "answer": "7"}


class Questions(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def read(self, *rows: object, grader: str = "auto", block_size: int = 100, too_long: str = "refuse", most: int | None = None):
        (self.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_questions(Namespace(data=self.folder, grader=grader, block_size=block_size, too_long=too_long, max_completion_length=most), TOKENIZER)

    def test_each_row_gets_the_first_grader_that_can_judge_it(self) -> None:
        read = self.read(ROW, {**ROW, "answer": "B"}, {**ROW, "answer": "a triangle"}, {**ROW, "kind": "vote"})
        self.assertEqual([row["grader"] for row in read.rows], ["numeric", "choice", "exact", "numeric"])
        self.assertEqual(read.longest_prompt, len(TOKENIZER.encode(PROMPT, add_special_tokens=False).ids))

    def test_what_is_held_out_is_not_asked(self) -> None:
        (self.folder / "held-out.jsonl").write_text(json.dumps(ROW) + "\n")
        self.assertEqual(len(self.read(ROW, ROW).rows), 2)

    def test_a_prompt_without_room_for_an_answer_is_refused_or_left_out(self) -> None:
        with self.assertRaisesRegex(DataError, r"line 1 has a prompt of \d+ tokens, which leaves no room for 90 in the block size of 100"):
            self.read(ROW, most=90)
        long = {**ROW, "prompt": "<|im_start|>user\n" + "3 + 4 " * 40 + PROMPT}
        read = self.read(ROW, long, too_long="drop")
        self.assertEqual((len(read.rows), read.lengths.dropped), (1, 1))

    def test_bad_rows_name_their_line_and_what_to_write(self) -> None:
        for row, grader, message in (
            ({**ROW, "answer": ""}, "auto", "line 2 has no answer, which must be a text"),
            ({**ROW, "answer": 7}, "auto", "line 2 has no answer, which must be a text"),
            (["no object"], "auto", "line 2 is no JSON object"),
            ({**ROW, "answer": "two\nlines"}, "auto", "no grader can judge by the answer"),
            ({**ROW, "answer": "seven"}, "numeric", "the grader numeric cannot judge by the answer 'seven'. Write a plain number"),
        ):
            with self.subTest(message), self.assertRaisesRegex(DataError, message):
                self.read(ROW, row, grader=grader)
        with self.assertRaisesRegex(DataError, "has no rows for grpo"):
            self.read()


class Rewards(unittest.TestCase):
    def setUp(self) -> None:
        self.reward = Reward(RowEncoder("s1", TOKENIZER))

    def right(self, text: str, answer: str = "7", grader: str = "numeric") -> float:
        ids = TOKENIZER.encode(text, add_special_tokens=False).ids
        [value] = self.reward.right(completion_ids=[ids], answer=[answer], grader=[grader], prompts=[PROMPT])
        return value

    def test_the_answer_counts_and_not_the_thought(self) -> None:
        self.assertEqual(self.right("\n3+4=8\n<|im_start|>answer\n7<|im_end|>"), 1.0)
        self.assertEqual(self.right("\n3+4=7\n<|im_start|>answer\n8<|im_end|>"), 0.0)

    def test_an_answer_without_its_end_or_its_begin_is_not_right(self) -> None:
        self.assertEqual(self.right("\n3+4=7\n<|im_start|>answer\n7"), 0.0)
        self.assertEqual(self.right("\n3+4=7\n"), 0.0)
        self.assertEqual(self.right("\n3+4=7<|im_end|>"), 0.0)
        self.assertEqual(self.reward.right(completion_ids=[[]], answer=["7"], grader=["numeric"]), [0.0])

    def test_the_first_delimiter_ends_the_thought_as_in_the_function(self) -> None:
        self.assertEqual(self.right("\nx\n<|im_start|>answer\n8\n<|im_start|>answer\n7<|im_end|>", grader="exact"), 0.0)

    def test_every_sampled_token_is_counted(self) -> None:
        self.assertEqual(self.reward.tokens(completion_ids=[[1, 2, 3], []]), [3.0, 0.0])


class Options(unittest.TestCase):
    def refuse(self, *words: str) -> str:
        from contextlib import redirect_stderr
        from io import StringIO

        errors = StringIO()
        with self.assertRaises(SystemExit), redirect_stderr(errors):
            parse_options(["--model=m", "--data=d", "--format=s1", "--output=o", *words])
        return errors.getvalue()

    def test_numbers_with_which_nothing_is_learned_are_refused(self) -> None:
        self.assertIn("--batch-size 20 is no multiple of --generations 8: write 24", self.refuse("--task=grpo", "--batch-size=20"))
        self.assertIn("--generations 1 has no other answer", self.refuse("--task=grpo", "--generations=1"))
        self.assertIn("--beta 0 teaches dpo nothing", self.refuse("--task=dpo", "--beta=0"))
        self.assertIn("are for --task grpo only", self.refuse("--task=kto", "--token-price=0.1"))
        self.assertIn("--packing is for sft only", self.refuse("--task=grpo", "--packing"))

    def test_the_pull_to_the_model_before_depends_on_the_task(self) -> None:
        for task, beta in (("dpo", 0.1), ("kto", 0.1), ("grpo", 0.0)):
            self.assertEqual(parse_options(["--model=m", "--data=d", "--format=s1", "--output=o", f"--task={task}"]).beta, beta)


if __name__ == "__main__":
    unittest.main()
