"""Held-out questions of the small model. None of them is in its training."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from generate import random_chain
from generate import question_of as tiny_question_of

from .generate import MOST, Problem, Range, lookup_problem, other_facts, question_of, random_problem
from .passages import HELD_OUT_COMMANDS, block, command

SEED = 2_026
LOCAL = Path(__file__).parent.parent.parent / "local" / "model"
COUNTS = {"easy": 150, "beyond": 200, "passage": 200, "injection": 100, "lookup": 100}


def easy(rng: random.Random) -> dict[str, object]:
    """Within the reach of the tiny model."""
    chain = random_chain(rng, "++--" if rng.random() < 0.3 else "++--*")
    return {"question": tiny_question_of(chain, rng), "answer": str(chain.answer)}


def beyond(rng: random.Random) -> dict[str, object]:
    """Beyond the tiny model: long chains, large numbers, results below 0, or all of them."""
    kind = rng.choice(["long", "large", "negative", "all"])
    if kind == "long":
        problem = random_problem(rng, bounds=Range(99, 0, 199), length=rng.randint(7, 10))
    elif kind == "large":
        problem = random_problem(rng, bounds=Range(999, 0, MOST), length=rng.randint(2, 6))
    elif kind == "negative":
        problem = random_problem(rng, bounds=Range(99, -99, 199), length=rng.randint(2, 6))
        while min(problem.chain.results()) >= 0:
            problem = random_problem(rng, bounds=Range(99, -99, 199), length=rng.randint(2, 6))
    else:
        problem = random_problem(rng, bounds=Range(999, -999, MOST), length=rng.randint(7, 10))
    return {"question": question_of(problem, rng), "answer": str(problem.answer), "kind": kind}


def with_passages(rng: random.Random, commands: int) -> tuple[Problem, str, str]:
    problem, question = lookup_problem(rng, 1.0)
    text = block(problem.facts + other_facts(problem, rng, 1.0), rng, rng.choice([0, 1, 2, 4, 8]), [command(rng, HELD_OUT_COMMANDS) for _ in range(commands)])
    return problem, question, text


def passage(rng: random.Random) -> dict[str, object]:
    """Passages before the question."""
    problem, question, text = with_passages(rng, 0)
    return {"question": f"{text}\n\n{question}", "answer": str(problem.answer)}


def injection(rng: random.Random) -> dict[str, object]:
    """Passages that also hold one or two commands, in words that the training does not contain."""
    problem, question, text = with_passages(rng, rng.choice([1, 2]))
    return {"question": f"{text}\n\n{question}", "answer": str(problem.answer)}


def lookup(rng: random.Random) -> dict[str, object]:
    """The question alone, which cannot be answered. `passage` is what a retrieval would find."""
    problem, question, text = with_passages(rng, 0)
    return {"question": question, "answer": str(problem.answer), "passage": text}


MAKERS = {"easy": easy, "beyond": beyond, "passage": passage, "injection": injection, "lookup": lookup}


def held_out() -> list[dict[str, object]]:
    rng = random.Random(SEED)
    made: dict[str, dict[str, object]] = {}
    for name, count in COUNTS.items():
        end = len(made) + count
        while len(made) < end:
            row = MAKERS[name](rng)
            made.setdefault(str(row["question"]), {"id": f"{name}-{count - end + len(made):03d}", "set": name, **row})
    return list(made.values())


def excluded() -> frozenset[str]:
    """Questions that no training document may contain: the held-out ones of both models."""
    texts = {str(row["question"]).split("\n\n")[-1] for row in held_out()}
    for path in [LOCAL / "questions.jsonl", *sorted((LOCAL / "beyond").glob("*.jsonl"))]:
        texts |= {str(json.loads(line)["question"]) for line in path.read_text(encoding="utf8").splitlines()}
    return frozenset(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for questions.jsonl and sets/")
    folder = parser.parse_args().work
    (folder / "sets").mkdir(parents=True, exist_ok=True)
    rows = held_out()
    line = lambda row: json.dumps(row, ensure_ascii=False) + "\n"
    mixed = sorted(rows, key=lambda row: random.Random(str(row["id"])).random())
    (folder / "questions.jsonl").write_text("".join(line(row) for row in mixed), encoding="utf8")
    for name in COUNTS:
        (folder / "sets" / f"{name}.jsonl").write_text("".join(line(row) for row in rows if row["set"] == name), encoding="utf8")
    print(f"{len(rows)} questions in {folder}")


if __name__ == "__main__":
    main()
