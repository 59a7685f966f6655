"""Examples of a skill that the embedded model lacks: which of two sums is larger, or smaller.

    python training/sft/skill.py --out FOLDER      1,000 rows for training, and 200 questions for `budgetforce eval`

The thought works out both sums in the model's own wording, compares them, and says which is which. No question of the test is in the
training data, in any wording. Some of the rows are the chains that the model was trained on: without them it forgets how to do chains.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from generate import held_out, question_of, random_chain, think  # noqa: E402

ROWS, REHEARSAL, QUESTIONS = 1_000, 400, 200
"""Rows for training, how many of them are chains, and questions of the test."""

HELD_OUT_SEED, HELD_OUT_COUNT = 2_024, 1_000
"""The questions of local/model/questions.jsonl, which stay out of the training data."""

WORDINGS = {
    "larger": ("Which is larger, {a} or {b}?", "Which is more: {a} or {b}?", "What is larger, {a} or {b}?", "Give the larger of {a} and {b}.", "{a} or {b}, which is larger?"),
    "smaller": ("Which is smaller, {a} or {b}?", "Which is less: {a} or {b}?", "What is smaller, {a} or {b}?", "Give the smaller of {a} and {b}.", "{a} or {b}, which is smaller?"),
}


@dataclass(frozen=True)
class Sum:
    start: int
    operator: str
    operand: int

    @property
    def result(self) -> int:
        return self.start + self.operand if self.operator == "+" else self.start - self.operand

    def __str__(self) -> str:
        return f"{self.start} {self.operator} {self.operand}"

    @property
    def line(self) -> str:
        return f"{self.start}{self.operator}{self.operand}={self.result}"


def random_sum(rng: random.Random) -> Sum:
    while True:
        candidate = Sum(rng.randint(1, 99), rng.choice("+-"), rng.randint(1, 99))
        if candidate.result >= 0:
            return candidate


def examples(seed: int, count: int) -> list[dict[str, object]]:
    """Distinct examples: two sums with different results."""
    rng = random.Random(seed)
    seen: set[tuple[Sum, Sum]] = set()
    rows = []
    while len(rows) < count:
        a, b = random_sum(rng), random_sum(rng)
        if a.result == b.result or (a, b) in seen or (b, a) in seen:
            continue
        seen.add((a, b))
        kind = rng.choice(["larger", "smaller"])
        chosen = max(a.result, b.result) if kind == "larger" else min(a.result, b.result)
        sign = "<" if a.result < b.result else ">"
        rows.append(
            {
                "id": f"compare-{len(rows):04d}",
                "question": rng.choice(WORDINGS[kind]).format(a=a, b=b),
                "thought": f"1) {a.line}.\n2) {b.line}.\n{a.result}{sign}{b.result}, {kind}: {chosen}.",
                "answer": f"The answer is {chosen}.",
                "expected": str(chosen),
            }
        )
    return rows


def chains(seed: int, count: int) -> list[dict[str, object]]:
    """Rows as in the first training of the model, each with one pass."""
    rng = random.Random(seed)
    exclude = {row["question"] for row in held_out(HELD_OUT_SEED, HELD_OUT_COUNT)}
    rows = []
    while len(rows) < count:
        chain = random_chain(rng, "++--" if rng.random() < 0.3 else "++--*")
        question, thought = question_of(chain, rng), think(chain, rng, waits=0, own_waits=0)
        if thought is not None and question not in exclude:
            rows.append({"question": question, "thought": "".join(text for text, _ in thought.pieces), "answer": f"The answer is {thought.value}."})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rehearsal", type=int, default=REHEARSAL, help=f"rows of {ROWS} that are chains (default: {REHEARSAL})")
    options = parser.parse_args()
    made = examples(options.seed, ROWS + QUESTIONS)
    options.out.mkdir(parents=True, exist_ok=True)
    train = [{name: row[name] for name in ("question", "thought", "answer")} for row in made[: ROWS - options.rehearsal]]
    train += chains(options.seed, options.rehearsal)
    random.Random(options.seed).shuffle(train)
    test = [{"id": row["id"], "question": row["question"], "answer": row["expected"]} for row in made[ROWS:]]
    for name, rows in {"train.jsonl": train, "questions.jsonl": test}.items():
        (options.out / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf8")
        print(f"{options.out / name}: {len(rows)} rows")


if __name__ == "__main__":
    main()
