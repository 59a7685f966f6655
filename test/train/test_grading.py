"""training/sft/grading.py says of every text in fixtures/graded.json what evaluate/graders say. It needs Python's own library only.

    python test/train/test_grading.py
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "training" / "sft"))

from grading import GRADERS  # noqa: E402

GRADED = json.loads((Path(__file__).parent / "fixtures" / "graded.json").read_text(encoding="utf8"))


class Graders(unittest.TestCase):
    def test_judge_as_the_originals(self) -> None:
        for name, grader in GRADERS.items():
            for one in GRADED:
                with self.subTest(name, text=one["text"], expected=one["expected"]):
                    self.assertIs(grader.is_right(one["text"], one["expected"]), name in one["right"])

    def test_accept_the_expected_answers_that_the_originals_accept(self) -> None:
        for name, grader in GRADERS.items():
            for one in GRADED:
                with self.subTest(name, expected=one["expected"]):
                    self.assertIs(grader.accepts(one["expected"]), name in one["accept"])


if __name__ == "__main__":
    unittest.main()
