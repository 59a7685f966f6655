"""Questions beyond the training of the tiny model, one file per kind, for the limits in its card."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from generate import MOST, Chain, Step, apply, question_of, random_chain

SEED, COUNT = 2_025, 100


def chain_of(rng: random.Random, operands: tuple[int, int], results: tuple[int, int]) -> Chain:
    """Two to six steps of + and - within the given bounds, which are inclusive."""
    while True:
        start, steps = rng.randint(1, 99), []
        value = start
        for _ in range(rng.choice([2, 3, 4, 5, 6])):
            step = Step(rng.choice("+-"), rng.randint(*operands))
            value = apply(value, step)
            steps.append(step)
        chain = Chain(start, tuple(steps))
        if all(results[0] <= result <= results[1] for result in chain.results()):
            return chain


def until(make, holds):
    while True:
        chain = make()
        if holds(chain):
            return chain


def kinds(rng: random.Random):
    return {
        "seven-steps": lambda: random_chain(rng, length=7),
        "eight-steps": lambda: random_chain(rng, length=8),
        "ten-steps": lambda: random_chain(rng, length=10),
        "operands-to-199": lambda: until(lambda: chain_of(rng, (1, 199), (0, MOST)), lambda chain: max(step.operand for step in chain.steps) > 99),
        "results-to-399": lambda: until(lambda: chain_of(rng, (1, 99), (0, 399)), lambda chain: max(chain.results()) > MOST + 30),
        "results-below-0": lambda: until(lambda: chain_of(rng, (1, 99), (-99, MOST)), lambda chain: min(chain.results()) < 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for beyond/")
    folder = parser.parse_args().work / "beyond"
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    for kind, make in kinds(rng).items():
        lines = []
        for index in range(COUNT):
            chain = make()
            lines.append(json.dumps({"id": f"{kind}-{index:03d}", "question": question_of(chain, rng), "answer": str(chain.answer)}) + "\n")
        (folder / f"{kind}.jsonl").write_text("".join(lines), encoding="utf8")


if __name__ == "__main__":
    main()
