"""Questions, thoughts and answers for the small reasoning model, generated from a seed.

A question is a chain of one to ten steps, in the words of the tiny model's data. Numbers are up to 999, results from -999 to 1,999. Some numbers
are named instead of written ("a florn"), and a passage in the prompt or in the thought says what they are. If no passage does, the thought guesses a
number, and the answer is that the model does not know.

The first pass computes a step per line in one go, and slips in SLIP_RATE of its results. After a "Wait", or after passages in the thought, the whole
chain is computed again with care: hundreds, tens and ones apart, without slips.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from generate import END, NAMES, NOT_MY_KIND, SHE, START, SYSTEMS, Chain, Document, Piece, Step, apply, as_story, in_orders, in_signs, merged, natural_answer, forced_answer, other_question, roughen, user_turn

from .passages import COMMANDS, Fact, block, command, random_fact

LEAST, MOST, MOST_NUMBER = -999, 1_999, 999
"""The smallest and largest result, and the largest number in a question."""

SLIP_RATE = 0.012
"""Rate of wrong results in the first pass. The model learns it."""

SHOWN_SHARE = 0.5
"""Share of the thoughts with Waits that show more slips, which are not trained on."""

SHOWN_SLIP_RATES = (0.1, 0.3)

WAITS = [54, 36, 7, 2, 1]
"""Weights of 0 to 4 Waits in a document."""

LENGTHS = [5, 8, 10, 11, 11, 11, 12, 12, 10, 10]
"""Weights of 1 to 10 steps."""

PASSAGE_SHARE = 0.33
"""Share of the questions with named numbers."""

LEADS = ["\n", "\n", "\nWait, the documents say:\n", "\nLet me look this up.\n", "\nI look this up:\n", "\nWait, I look this up:\n"]
"""What may stand before passages in a thought."""

UNKNOWN = "I was not told."


@dataclass(frozen=True)
class Operand:
    """A number, or `count` times the value of a fact."""

    number: int
    fact: Fact | None = None
    count: int = 1

    @property
    def value(self) -> int:
        return self.number if self.fact is None else self.fact.value * self.count

    def __str__(self) -> str:
        return str(self.number) if self.fact is None else self.fact.phrase(self.count)


@dataclass(frozen=True)
class Problem:
    start: Operand
    steps: tuple[tuple[str, Operand], ...]

    @property
    def chain(self) -> Chain:
        return Chain(self.start.value, tuple(Step(operator, operand.value) for operator, operand in self.steps))

    @property
    def answer(self) -> int:
        return self.chain.answer if self.steps else self.start.value

    @property
    def operands(self) -> list[Operand]:
        return [self.start, *(operand for _, operand in self.steps)]

    @property
    def facts(self) -> list[Fact]:
        return list({operand.fact.key: operand.fact for operand in self.operands if operand.fact}.values())

    def lowered(self) -> Problem:
        """The same problem with names in lower case, as the thought copies them from a question in lower case."""
        low = lambda operand: replace(operand, fact=operand.fact and replace(operand.fact, key=operand.fact.key.lower()))
        return Problem(low(self.start), tuple((operator, low(operand)) for operator, operand in self.steps))


@dataclass(frozen=True)
class Range:
    """Bounds of the numbers and results of a question."""

    number: int
    least: int
    most: int


def random_range(rng: random.Random, level: float) -> Range:
    number = rng.choices([99, 199, MOST_NUMBER], [0.5, 0.15, 0.35 * level])[0]
    least = rng.choices([0, -99, LEAST], [0.55, 0.2, 0.25 * level])[0]
    if number == MOST_NUMBER:
        return Range(number, least, rng.choice([MOST_NUMBER, MOST]))
    return Range(number, least, rng.choices([199, 399, MOST], [0.5, 0.25, 0.25 * level])[0])


def random_number(rng: random.Random, most: int) -> int:
    if most <= 99 or rng.random() < 0.3:
        return rng.randint(1, 99)
    return rng.randint(1, most)


def random_length(rng: random.Random, level: float) -> int:
    longest = 2 + round(8 * level)
    return rng.choices(range(1, longest + 1), LENGTHS[:longest])[0]


def random_operator(rng: random.Random, value: int, bounds: Range, operators: str) -> str:
    operator = rng.choice(operators)
    if operator == "*" and not (bounds.least <= value * 2 <= bounds.most and abs(value) <= 399):
        return "-"
    return operator


def random_problem(rng: random.Random, level: float = 1.0, bounds: Range | None = None, length: int | None = None, operators: str | None = None) -> Problem:
    """A chain with plain numbers. `level` from 0 to 1 is the progress of the curriculum."""
    bounds = bounds or random_range(rng, level)
    length = length or random_length(rng, level)
    operators = operators or ("++--" if rng.random() < 0.35 else "++--*")
    while True:
        start = random_number(rng, bounds.number)
        value, steps = start, []
        for _ in range(length * 12):
            operator = random_operator(rng, value, bounds, operators)
            operand = rng.randint(2, 5 if rng.random() < 0.7 else 9) if operator == "*" else random_number(rng, bounds.number)
            result = apply(value, Step(operator, operand))
            if bounds.least <= result <= bounds.most:
                value = result
                steps.append((operator, Operand(operand)))
                if len(steps) == length:
                    return Problem(Operand(start), tuple(steps))


def question_of(problem: Problem, rng: random.Random) -> str:
    """A question with plain numbers, in the tiny model's wordings. Signs are used only if precedence does not matter."""
    chain = problem.chain
    signs = all(step.operator != "*" or index == 0 for index, step in enumerate(chain.steps))
    kind = rng.random()
    if signs and kind < 0.35:
        text = in_signs(chain, rng)
    else:
        text = in_orders(chain, rng) if kind < 0.6 else as_story(chain, rng)
    return roughen(text, rng)


def lookup_problem(rng: random.Random, level: float) -> tuple[Problem, str]:
    """A chain with one to three named numbers, and its question."""
    kind = rng.choice(["unit", "unit", "price", "price", "site", "charge", "word", "word", "age"])
    bounds = Range(99 if rng.random() < 0.7 else MOST_NUMBER, 0 if rng.random() < 0.7 else LEAST, MOST)
    most = MOST_NUMBER if level > 0.5 else 99
    facts = {fact.key: fact for fact in (random_fact(rng, kind, most) for _ in range(rng.choices([1, 2, 3], [60, 28, 12])[0]))}
    named = [named_operand(fact, rng) for fact in facts.values()]
    length = rng.choices(range(7), [16, 22, 20, 16, 12, 8, 6])[0]
    length = max(min(length, 1 + round(6 * level)), len(named) - 1)
    if length == 0:
        operand = Operand(named[0].number, named[0].fact)
        return asked_alone(operand, rng)
    while True:
        places = rng.sample(range(length + 1), len(named)) if length + 1 >= len(named) else []
        story = kind in ("unit", "price") and rng.random() < 0.6
        if story and 0 in places:
            continue
        operands = [Operand(random_number(rng, bounds.number)) for _ in range(length + 1)]
        for place, operand in zip(places, named):
            operands[place] = operand
        value, steps = operands[0].value, []
        for operand in operands[1:]:
            operator = rng.choice("+-")
            if operand.fact is None and not story and abs(value) <= 199 and rng.random() < 0.15:
                operator, operand = "*", Operand(rng.randint(2, 5))
            result = apply(value, Step(operator, operand.value))
            if not bounds.least <= result <= bounds.most and operator != "*":
                operator = "+" if operator == "-" else "-"
                result = apply(value, Step(operator, operand.value))
            value = result
            steps.append((operator, operand))
            if not bounds.least <= value <= bounds.most:
                break
        else:
            problem = Problem(operands[0], tuple(steps))
            return worded(problem, trade(problem, rng) if story else spoken(problem, kind, rng), rng)


def named_operand(fact: Fact, rng: random.Random) -> Operand:
    count = rng.randint(2, 9) if fact.kind in ("unit", "price") and rng.random() < 0.4 else 1
    return Operand(0, fact, count if fact.value * count <= MOST_NUMBER else 1)


def asked_alone(operand: Operand, rng: random.Random) -> tuple[Problem, str]:
    problem = Problem(operand, ())
    return worded(problem, rng.choice(["What is {}?", "How much is {}?", "Tell me {}.", "{}?", "Do you know {}?", "What do the passages say about {}?"]).format(operand), rng)


def worded(problem: Problem, text: str, rng: random.Random) -> tuple[Problem, str]:
    if rng.random() < 0.12:
        return problem.lowered(), text.lower()
    if rng.random() < 0.08:
        text = text.rstrip(".?")
    return problem, text


def spoken(problem: Problem, kind: str, rng: random.Random) -> str:
    shown = Chain(problem.start, tuple(Step(operator, operand) for operator, operand in problem.steps))  # type: ignore[arg-type]
    signs = all(operator != "*" or index == 0 for index, (operator, _) in enumerate(problem.steps))
    return in_signs(shown, rng) if signs and rng.random() < (0.5 if kind == "word" else 0.2) else in_orders(shown, rng)


def trade(problem: Problem, rng: random.Random) -> str:
    """A story about someone with coins."""
    name = rng.choice(NAMES)
    pronoun = "she" if name in SHE else "he"
    sentences = [rng.choice(["{n} has {s} coins", "{n} starts with {s} coins", "{n} had {s} coins"]).format(n=name, s=problem.start)]
    for operator, operand in problem.steps:
        if operand.fact is None:
            verb = rng.choice(["finds", "gets", "earns", "wins"] if operator == "+" else ["spends", "pays", "loses", "gives away"])
            what = f"{operand} coins"
        else:
            price = operand.fact.kind == "price"
            verb = rng.choice((["sells"] if price else ["finds", "gets", "earns", "wins"]) if operator == "+" else (["buys"] if price else ["spends", "pays", "loses", "gives away"]))
            what = f"{operand.count} {operand.fact.key}s" if operand.count > 1 else f"a {operand.fact.key}"
        if len(sentences) > 1 and rng.random() < 0.3:
            sentences[-1] += f" and {verb} {what}"
        else:
            sentences.append(f"{rng.choice([pronoun, pronoun, name]).capitalize()} {verb} {what}")
    closing = rng.choice(["How many coins does {n} have now?", "How many coins does {p} have?", "How many coins are left?", "How many coins is that?", "How many coins now?"])
    return ". ".join(sentences) + ". " + closing.format(n=name, p=pronoun)


def slip(value: int, rng: random.Random) -> int:
    """A wrong result as a hurried person makes it: a dropped or invented carry, or a small error."""
    errors = [-10, 10, -10, 10, -1, 1, -2, 2]
    return value + rng.choice([*errors, -100, 100] if abs(value) > 199 else errors)


def lookup(operand: Operand) -> str:
    return "" if operand.fact is None else f"{operand.fact.key}={operand.fact.value}, "


def guess(fact: Fact, rng: random.Random) -> str:
    """A guessed value: its digits are improbable, so a gate on the confidence of the thought opens."""
    return f"{fact.key}={rng.randint(1, 9) if rng.random() < 0.2 else rng.randint(10, 99) if rng.random() < 0.6 else rng.randint(100, 999)}? {UNKNOWN}"


@dataclass
class Pass:
    """One pass over the chain: its pieces, and the number or None if a needed fact is unknown."""

    pieces: list[Piece]
    value: int | None


def hurried(problem: Problem, known: frozenset[str], rng: random.Random, shown: float | None) -> Pass:
    """The first pass. `shown` is a slip rate that replaces the learned one and is not trained on."""
    pieces: list[Piece] = []

    def say(value: int) -> int:
        said = slip(value, rng) if rng.random() < (SLIP_RATE if shown is None else shown) else value
        pieces.append((f"{said}", shown is None))
        return said

    value = problem.start.value
    if not problem.steps:
        fact = problem.start.fact
        return Pass([(f"1) {fact.key}={fact.value}.", True)], value) if fact.key in known else Pass([(f"1) {guess(fact, rng)}", True)], None)
    for index, (operator, operand) in enumerate(problem.steps):
        pieces.append((f"{index + 1}) ", True))
        for needed in ([problem.start, operand] if index == 0 else [operand]):
            if needed.fact is None:
                continue
            if needed.fact.key not in known:
                pieces.append((guess(needed.fact, rng), True))
                return Pass(pieces, None)
            pieces.append((lookup(needed), True))
            if needed.count > 1:
                pieces.append((f"{needed.fact.value}*{needed.count}=", True))
                said = say(needed.value)
                pieces.append((", ", True))
                if needed is operand:
                    operand = Operand(said)
                else:
                    value = said
        pieces.append((f"{value}{operator}{operand.value}=", True))
        value = say(apply(value, Step(operator, operand.value)))
        pieces.append((".\n" if index + 1 < len(problem.steps) else ".", True))
    return Pass(pieces, value)


def parts_of(number: int) -> list[int]:
    """347 as 300, 40 and 7. Zeros are left out."""
    sign = -1 if number < 0 else 1
    digits = str(abs(number))
    parts = [sign * int(digit) * 10 ** (len(digits) - index - 1) for index, digit in enumerate(digits) if digit != "0"]
    return parts or [0]


def careful(value: int, step: Step) -> str:
    """A step with the operand (for *, the value) split into hundreds, tens and ones."""
    if step.operator == "*":
        parts = parts_of(value)
        text = ", ".join(f"{part}*{step.operand}={part * step.operand}" for part in parts)
        total = parts[0] * step.operand
        for index, part in enumerate(parts[1:]):
            product = part * step.operand
            text += f", {total if index == 0 else ''}{'+' if product >= 0 else ''}{product}={total + product}"
            total += product
        return text
    parts = parts_of(step.operand)
    text, total = "", value
    for index, part in enumerate(parts):
        text += f"{', ' if index else value}{step.operator}{part}={apply(total, Step(step.operator, part))}"
        total = apply(total, Step(step.operator, part))
    return text


def with_care(problem: Problem, known: frozenset[str], rng: random.Random) -> tuple[str, int | None]:
    """The lines of a careful pass, and its result."""
    value = problem.start.value
    if not problem.steps:
        fact = problem.start.fact
        return (f"1) {fact.key}={fact.value}.", value) if fact.key in known else (f"1) {guess(fact, rng)}", None)
    lines = []
    for index, (operator, operand) in enumerate(problem.steps):
        line = f"{index + 1}) "
        for needed in ([problem.start, operand] if index == 0 else [operand]):
            if needed.fact is None:
                continue
            if needed.fact.key not in known:
                return "\n".join([*lines, line + guess(needed.fact, rng)]), None
            line += lookup(needed)
            if needed.count > 1:
                line += careful(needed.fact.value, Step("*", needed.count)) + ", "
        line += careful(value, Step(operator, operand.value)) + "."
        value = apply(value, Step(operator, operand.value))
        lines.append(line)
    return "\n".join(lines), value


def answer_text(problem: Problem, value: int | None, known: frozenset[str]) -> str:
    if value is not None:
        return str(value)
    missing = next(operand for operand in problem.operands if operand.fact and operand.fact.key not in known)
    return f"I do not know what {missing.fact.phrase(1)} is." if missing.fact.kind in ("unit", "word") else f"I do not know {missing.fact.phrase(1)}."


def pieces_of_text(text: str) -> list[Piece]:
    """Text that is not trained on. Control strings in it stay text: they are encoded in two pieces."""
    return [(part, False) for part in re.split(r"(?<=<\|im)", text) if part]


def document(rng: random.Random, exclude: frozenset[str] = frozenset(), level: float = 1.0) -> Document:
    """One training document in the s1 chat format."""
    while True:
        named = rng.random() < PASSAGE_SHARE
        if named:
            problem, question = lookup_problem(rng, level)
        else:
            problem = random_problem(rng, level)
            question = question_of(problem, rng)
        if question not in exclude:
            return Document(tuple(written(problem, question, named, rng, level)))


def other_facts(problem: Problem, rng: random.Random, level: float) -> list[Fact]:
    """Facts that the question does not need, mostly of the same kinds."""
    kinds = [fact.kind for fact in problem.facts] or ["unit", "price", "site", "charge", "word", "age"]
    count = rng.choices([0, 1, 2, 3, 5], [30, 25, 20, 15, 10 * level])[0]
    facts = [random_fact(rng, rng.choice(kinds), MOST_NUMBER if level > 0.5 else 99) for _ in range(count)]
    taken = {fact.key.lower() for fact in problem.facts}
    return list({fact.key: fact for fact in facts if fact.key.lower() not in taken}.values())


def passages(problem: Problem, needed: bool, rng: random.Random, level: float) -> str:
    """Passages with the facts that the problem needs, or without them."""
    facts = (problem.facts if needed else []) + other_facts(problem, rng, level)
    commands = [command(rng, COMMANDS) for _ in range(rng.choice([1, 1, 2]))] if rng.random() < 0.25 else []
    fillers = rng.choices([0, 1, 2, 4, 8, 20], [30, 25, 20, 12 * level, 8 * level, 3 * level])[0]
    if not facts and not commands:
        fillers = max(fillers, 1)
    return block(facts, rng, fillers, commands)


def written(problem: Problem, question: str, named: bool, rng: random.Random, level: float) -> list[Piece]:
    pieces: list[Piece] = []

    def add(text: str, trained: bool) -> None:
        pieces.append((text, trained))

    # Where the passages are: in the prompt, in the thought, or nowhere.
    place = rng.choices(["prompt", "thought", "none"], [58, 24, 18] if named else [8, 7, 85])[0]
    needed = named and place != "none" and rng.random() < 0.88
    known = frozenset(fact.key for fact in problem.facts) if needed else frozenset()
    text = passages(problem, needed, rng, level) if place != "none" else ""
    first_known = known if place == "prompt" else frozenset()

    system = rng.choices(SYSTEMS, [60, 10, 15, 10, 5])[0]
    user = question
    if place == "prompt":
        where = rng.random()
        if where < 0.2:
            system = (system + "\n\n" + text).strip()
        elif where < 0.8:
            user = text + rng.choice(["\n\n", "\n", "\n\nQuestion: "]) + question
        else:
            user = question + "\n\n" + text
    if rng.random() < 0.8 or (place == "prompt" and user == question):
        add(START, False)
        pieces.extend(pieces_of_text(f"system\n{system}"))
        add(END, False)
        add("\n", False)
    if rng.random() < 0.03:
        earlier = random_problem(rng, level, length=rng.randint(1, 4))
        user_turn(add, question_of(earlier, rng))
        add(START, False)
        add(f"assistant\nThe answer is {earlier.answer}.", False)
        add(END, False)
        add("\n", False)
    other = rng.random() < 0.04
    if other:
        user = user.replace(question, other_question(rng))
    add(START, False)
    pieces.extend(pieces_of_text(f"user\n{user}"))
    add(END, False)
    add("\n", False)
    add(START, False)
    add("assistant\n", False)
    add(START, False)
    add("think", False)
    if other:
        refuse(add, rng)
        return pieces

    forced = rng.choices(range(5), WAITS)[0] if level > 0.15 else 0
    forced = min(forced, max(1, 14 // max(1, len(problem.steps))))
    if forced == 0 and rng.random() < 0.12:
        cut_answer(add, problem, first_known, rng)
        return pieces
    shown = rng.choice(SHOWN_SLIP_RATES) if forced > 0 and rng.random() < SHOWN_SHARE else None
    own_waits = 1 if forced == 0 and rng.random() < 0.03 else 0
    first = hurried(problem, first_known, rng, shown)
    thought: list[Piece] = merged([("\n", True), *first.pieces])
    value, now_known = first.value, first_known

    if place == "thought":
        before = forced if rng.random() < 0.2 else 0
        value = add_waits(thought, problem, now_known, before, 0, value, rng)
        if before == 0 and rng.random() < 0.15:
            thought = cut_thought(thought, rng)
        thought.extend(pieces_of_text(rng.choice(LEADS) + text + "\n"))
        now_known = known
        lines, value = with_care(problem, now_known, rng)
        thought.append((f"With this:\n{lines}", True))
        forced = min(forced, 1) if before == 0 else 0
    value = add_waits(thought, problem, now_known, forced, own_waits, value, rng)
    pieces.extend(thought)
    answer = answer_text(problem, value, now_known)
    if rng.random() < 0.1:
        if not thought[-1][0].endswith("\n"):
            add("\n", False)
        forced_answer(add, answer)
    else:
        natural_answer(add, f"The answer is {answer}." if value is not None else answer)
    return pieces


def add_waits(thought: list[Piece], problem: Problem, known: frozenset[str], forced: int, own: int, value: int | None, rng: random.Random) -> int | None:
    for turn in range(forced + own):
        lines, value = with_care(problem, known, rng)
        thought += [("Wait", turn >= forced), (f", again with care:\n{lines}", True)]
    return value


def refuse(add, rng: random.Random) -> None:
    add("\nThis is not a chain of sums.", True)
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        add("Wait", False)
        add(", it is not a chain of sums.", True)
    if rng.random() < 0.2:
        add("\n", False)
        forced_answer(add, NOT_MY_KIND)
    else:
        natural_answer(add, NOT_MY_KIND)


def cut_thought(thought: list[Piece], rng: random.Random) -> list[Piece]:
    """The beginning of a thought, cut at a random character."""
    left = rng.randint(0, sum(len(text) for text, _ in thought))
    kept: list[Piece] = []
    for text, trained in thought:
        if left <= 0:
            break
        kept.append((text[:left], trained))
        left -= len(text)
    return kept


LINE = re.compile(r"^(?P<number>\d+)\) [^\n]*=(?P<result>-?\d+)\.$", re.MULTILINE)


def cut_answer(add, problem: Problem, known: frozenset[str], rng: random.Random) -> None:
    """A thought that a budget cut, and the answer from what is there. The missing steps are done in the head."""
    first = hurried(problem, known, rng, None)
    kept = [] if rng.random() < 0.15 else cut_thought(merged([("\n", True), *first.pieces]), rng)
    for text, trained in kept:
        add(text, trained)
    if not "".join(text for text, _ in kept).endswith("\n"):
        add("\n", False)
    if first.value is None:
        forced_answer(add, answer_text(problem, None, known))
        return
    found = list(LINE.finditer("".join(text for text, _ in kept)))
    done, value = (int(found[-1]["number"]), int(found[-1]["result"])) if found else (0, problem.start.value)
    for step in problem.chain.steps[done:]:
        value = apply(value, step)
    forced_answer(add, str(value))


if __name__ == "__main__":
    generator = random.Random(1)
    for _ in range(14):
        print("".join(text for text, _ in document(generator).pieces), end="\n-----\n")
