"""Questions, thoughts and answers for the tiny reasoning model, generated from a seed.

A question is a chain of one to six steps with + - and *, in words or signs; all results are from 0 to 199. A thought computes one
step per line, each in one go. Like a hurried person, the data makes slips there: SLIP_RATE of these results are wrong, and the model
learns to slip at this rate. No prompt tells which results.

After a "Wait" the thought computes the whole chain again from the question, carefully: tens and ones separately, without slips in the
data. The answer is the result of the last pass.

Slips are rare, so a second pass could learn to copy the first. Some thoughts with Waits therefore show more slips, whose results are
not trained on: they teach the second pass to compute instead of copying, and leave the learned rate unchanged.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

MOST = 199
"""The largest result."""

SLIP_RATE = 0.04
"""Rate of wrong results in the first pass. The model learns it."""

SHOWN_SHARE = 0.5
"""Share of the thoughts with Waits that show more slips, which are not trained on."""

SHOWN_SLIP_RATES = (0.15, 0.4)

WAITS = [46, 30, 10, 4, 6, 2, 2]
"""Weights of 0 to 6 Waits in a document."""

NAMES = "Ann Ben Carla David Emma Finn Grace Hugo Ida Jon Kim Leo Mia Noah Olga Paul Rosa Sam Tina Tom Lily Max Nora Omar".split()
SHE = set("Ann Carla Emma Grace Ida Kim Mia Olga Rosa Tina Lily Nora".split())
THINGS = "apples books coins stamps marbles cards eggs shells pens stickers pears cups bricks toys seeds balls cookies keys roses stones".split()

# Actions of a person, in present and past tense; {n} is the number.
GAIN = [("buys {n} more", "bought {n} more"), ("buys {n}", "bought {n}"), ("finds {n} more", "found {n} more"), ("finds {n}", "found {n}"), ("gets {n} from a friend", "got {n} from a friend"), ("gets {n} more", "got {n} more"), ("picks up {n}", "picked up {n}"), ("is given {n}", "was given {n}"), ("wins {n}", "won {n}"), ("adds {n}", "added {n}"), ("gets another {n}", "got another {n}"), ("collects {n} more", "collected {n} more"), ("receives {n}", "received {n}")]
LOSS = [("gives {n} away", "gave {n} away"), ("gives away {n}", "gave away {n}"), ("loses {n}", "lost {n}"), ("sells {n}", "sold {n}"), ("breaks {n}", "broke {n}"), ("gives {n} to a friend", "gave {n} to a friend"), ("takes {n} away", "took {n} away"), ("drops {n}", "dropped {n}"), ("uses {n}", "used {n}"), ("eats {n}", "ate {n}"), ("throws {n} away", "threw {n} away")]
TIMES = [("gets {n} times as many", "got {n} times as many"), ("makes it {n} times as many", "made it {n} times as many"), ("has {n} times as many then", "had {n} times as many then")]
DOUBLED = {2: ("doubles them", "doubled them"), 3: ("triples them", "tripled them")}

# Events without an actor, or with another person as the actor.
GAIN_ALONE = ["a friend gives {o} {n} more", "{friend} gives {o} {n}", "another {n} come in"]
LOSS_ALONE = ["{n} get lost", "then {n} are taken away", "{friend} takes {n}"]
TIMES_ALONE = ["the number grows {n} times", "then it is {n} times as many"]

ADD_WORDS = ["add {n}", "plus {n}", "then add {n}", "increase it by {n}"]
SUB_WORDS = ["subtract {n}", "minus {n}", "take away {n}", "then subtract {n}", "decrease it by {n}"]
MUL_WORDS = ["multiply by {n}", "times {n}", "then multiply by {n}", "multiply it by {n}"]

SYSTEMS = [
    "You are a careful assistant.",
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "You are a helpful assistant.",
    "Be brief.",
    "",
]

OTHER_QUESTIONS = """what is the capital of {x}|who wrote {x}|tell me a joke about {x}|write a poem about {x}|how are you|hello|hi there
why is the sky blue|translate {x} to french|what is the meaning of {x}|can you help me with {x}|how do i cook {x}|what is love
explain {x} to me|who are you|what can you do|write a story about {x}|is {x} good|where is {x}|when did {x} happen|sing a song
what time is it|what is the weather in {x}|list three kinds of {x}|summarize {x}|give me advice on {x}|what color is {x}|thanks
write code that sorts {x}|what is a {x}|do you like {x}|name a famous {x}|how old is {x}|good morning|describe {x}|how tall is {x}
what is the best {x}|compare {x} and {y}|who is the president of {x}|what does {x} mean|make a plan for {x}|should i buy {x}""".replace("\n", "|").split("|")
TOPICS = "france love python music the moon cats dogs history water bread physics gold a tree the sea a car london tea war art fire snow paris a house light time apples books the sun sport a river school a phone money".split()
OTHER_SUMS = "what is {n} / {m}|{n} divided by {m}|what is the square root of {n}|divide {n} by {m}|what is {n} percent of {m}|how many days are in {n} weeks|is {n} a prime number|solve x + {n} = {m}|{n}:{m}|what year was {n} years ago|what is {n} to the power of {m}".split("|")
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part over new sound take only little work know place year live me back give most very after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show also around form three small set put end does another well large must big even such because turn here why ask went men read need land different home us move try kind hand picture again change off play spell air away animal house point page letter mother answer found study still learn should america world".split()
)

NOT_MY_KIND = "I can only work out short chains of +, - and * with whole numbers, so I have no answer to this."


@dataclass(frozen=True)
class Step:
    operator: str
    operand: int


@dataclass(frozen=True)
class Chain:
    start: int
    steps: tuple[Step, ...]

    def results(self) -> list[int]:
        value, results = self.start, []
        for step in self.steps:
            value = apply(value, step)
            results.append(value)
        return results

    @property
    def answer(self) -> int:
        return self.results()[-1]


def apply(value: int, step: Step) -> int:
    if step.operator == "+":
        return value + step.operand
    return value - step.operand if step.operator == "-" else value * step.operand


def random_chain(rng: random.Random, operators: str = "++--*", length: int | None = None, most: int = MOST) -> Chain:
    """A chain whose results are all from 0 to `most`."""
    length = length or rng.choices([1, 2, 3, 4, 5, 6], [3, 12, 20, 25, 22, 18])[0]
    while True:
        start = rng.randint(1, 99)
        value, steps = start, []
        while len(steps) < length:
            operator = rng.choice(operators)
            if operator == "*" and value > 49:
                operator = "-"
            step = Step(operator, rng.randint(2, 5) if operator == "*" else rng.randint(1, 99))
            if not 0 <= apply(value, step) <= most:
                break
            value = apply(value, step)
            steps.append(step)
        if len(steps) == length:
            return Chain(start, tuple(steps))


def question_of(chain: Chain, rng: random.Random) -> str:
    """A question for a chain, in one of many wordings. Signs are used only if precedence does not matter."""
    signs = all(step.operator != "*" or index == 0 for index, step in enumerate(chain.steps))
    kind = rng.random()
    if signs and kind < 0.35:
        text = in_signs(chain, rng)
    elif kind < 0.6:
        text = in_orders(chain, rng)
    else:
        text = as_story(chain, rng)
    return roughen(text, rng)


def in_signs(chain: Chain, rng: random.Random) -> str:
    space = " " if rng.random() < 0.75 else ""
    times = rng.choice(["*", "x", "\u00d7"])
    expression = str(chain.start)
    for step in chain.steps:
        expression += f"{space}{times if step.operator == '*' else step.operator}{space}{step.operand}"
    return rng.choice(["What is {}?", "{}", "{} =", "{} = ?", "Calculate {}.", "Compute {}", "How much is {}?", "Please work out {}.", "what's {}?", "Solve: {}", "Can you tell me {}?"]).format(expression)


def in_orders(chain: Chain, rng: random.Random) -> str:
    words = {"+": ADD_WORDS, "-": SUB_WORDS, "*": MUL_WORDS}
    orders = [rng.choice(words[step.operator]).format(n=step.operand) for step in chain.steps]
    joint = rng.choice([", ", ", ", "; ", " and "])
    opening = rng.choice(["Start with {}, ", "Take {}, ", "Begin with {}, ", "{} ", "From {} ", "What is {} ", "Start at {}, "])
    ending = rng.choice([".", "?", ". What is the result?", ". What do you get?", ". How much is it?", ""])
    return opening.format(chain.start) + joint.join(orders) + ending


def as_story(chain: Chain, rng: random.Random) -> str:
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    pronoun, objective = ("she", "her") if name in SHE else ("he", "him")
    past = rng.random() < 0.25
    clauses = [(f"{name} {'had' if past else rng.choice(['has', 'has', 'starts with', 'owns', 'had'])} {chain.start} {thing}", True)]
    doing = {"+": GAIN, "-": LOSS, "*": TIMES}
    alone = {"+": GAIN_ALONE, "-": LOSS_ALONE, "*": TIMES_ALONE}
    sentences: list[str] = []
    for step in chain.steps:
        if not past and rng.random() < 0.15:
            text = rng.choice(alone[step.operator]).format(o=objective, n=step.operand, friend=rng.choice(NAMES))
            clauses.append((text, False))
            continue
        forms = DOUBLED[step.operand] if step.operator == "*" and step.operand in DOUBLED and rng.random() < 0.3 else rng.choice(doing[step.operator])
        text = forms[past].format(n=step.operand)
        if step.operator != "*" and rng.random() < 0.2:
            text = re.sub(r"\d+( more)?", lambda match: f"{match[0]} {thing}", text)
        clauses.append((text, True))
    joined = False
    for index, (text, does) in enumerate(clauses):
        if index > 0 and does and clauses[index - 1][1] and not joined and rng.random() < 0.35:
            sentences[-1] += rng.choice([" and ", " and ", ", then ", ", ", " and then "]) + text
            joined = rng.random() < 0.7
            continue
        joined = False
        subject = (pronoun if rng.random() < 0.7 else name) + " " if does and index > 0 else ""
        then = "then " if subject and rng.random() < 0.12 else ""
        sentence = then + subject + text
        sentences.append(sentence[0].upper() + sentence[1:])
    closing = rng.choice(["How many {t} does {n} have now?", "How many {t} does {p} have now?", "How many {t} are there?", "How many {t} does {n} have in the end?", "How many {t} are left?", "How many are there now?", "How many {t} now?", "How many does {p} have?"])
    return ". ".join(sentences) + ". " + closing.format(t=thing, n=name, p=pronoun)


def roughen(text: str, rng: random.Random) -> str:
    """Changes case, drops punctuation and adds an occasional typo, as people type. Digits are never changed."""
    if rng.random() < 0.2:
        text = text.lower()
    if rng.random() < 0.1 and text and text[-1] in ".?":
        text = text[:-1]
    if rng.random() < 0.08:
        places = [index for index in range(1, len(text) - 1) if text[index].isalpha() and text[index - 1].isalpha()]
        if places:
            at = rng.choice(places)
            text = text[:at] + text[at + 1 :]
    return text


@dataclass
class Thought:
    """A thought as a list of (text, trained): text after a forced Wait is trained on, a forced Wait itself is not."""

    pieces: list[tuple[str, bool]] = field(default_factory=list)
    value: int = 0


def slip(value: int, rng: random.Random) -> int:
    """A wrong result as a hurried person makes it: a dropped or invented carry, or a small error."""
    while True:
        wrong = value + rng.choice([-10, 10, -10, 10, -1, 1, -2, 2])
        if 0 <= wrong <= MOST + 30:
            return wrong


Piece = tuple[str, bool]
"""A text, and whether it is trained on."""


def fast(number: int, value: int, step: Step, rng: random.Random, shown: float | None) -> tuple[list[Piece], int]:
    """The line of a step without its full stop, and its result. `shown` is a slip rate that replaces the learned one and is not trained on."""
    said = apply(value, step)
    if rng.random() < (SLIP_RATE if shown is None else shown):
        said = slip(said, rng)
    return [(f"{number}) {value}{step.operator}{step.operand}=", True), (f"{said}", shown is None)], said


def careful(value: int, step: Step) -> str:
    """A step with the operand (for *, the value) split into tens and ones."""
    if step.operator == "*":
        tens, ones = value - value % 10, value % 10
        if tens == 0 or ones == 0:
            return f"{value}*{step.operand}={value * step.operand}"
        return f"{tens}*{step.operand}={tens * step.operand}, {ones}*{step.operand}={ones * step.operand}, {tens * step.operand}+{ones * step.operand}={value * step.operand}"
    tens, ones = step.operand - step.operand % 10, step.operand % 10
    if tens == 0 or ones == 0:
        return f"{value}{step.operator}{step.operand}={apply(value, step)}"
    return f"{value}{step.operator}{tens}={apply(value, Step(step.operator, tens))}, {step.operator}{ones}={apply(value, step)}"


def merged(pieces: list[Piece]) -> list[Piece]:
    """Joins neighbouring pieces that are both trained on, or both not, so that they are encoded as the model will write them."""
    result: list[Piece] = []
    for text, trained in pieces:
        if result and result[-1][1] == trained:
            result[-1] = (result[-1][0] + text, trained)
        else:
            result.append((text, trained))
    return result


def possible(value: int, step: Step) -> bool:
    """Whether the model can learn a step. A slip may lead slightly above MOST."""
    return 0 <= apply(value, step) <= MOST + 30 and (step.operator != "*" or value <= 59)


def think(chain: Chain, rng: random.Random, waits: int, own_waits: int) -> Thought | None:
    """A thought with `waits` forced Waits and `own_waits` Waits of its own after its first pass. None if a slip leads out of range."""
    count = len(chain.steps)
    shown = rng.choice(SHOWN_SLIP_RATES) if waits > 0 and rng.random() < SHOWN_SHARE else None
    lines: list[Piece] = [("\n", True)]
    value = chain.start
    for index, step in enumerate(chain.steps):
        if not possible(value, step):
            return None
        line, value = fast(index + 1, value, step, rng, shown)
        lines += [*line, (".\n" if index + 1 < count else ".", True)]
    thought = Thought(merged(lines), value)
    inputs = [chain.start, *chain.results()]
    again = ".\n".join(f"{index + 1}) {careful(inputs[index], step)}" for index, step in enumerate(chain.steps))
    for turn in range(waits + own_waits):
        thought.pieces += [("Wait", turn >= waits), (f", again with care:\n{again}.", True)]
        thought.value = chain.answer
    return thought


def other_question(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.45:
        text = rng.choice(OTHER_QUESTIONS).format(x=rng.choice(TOPICS), y=rng.choice(TOPICS))
    elif kind < 0.65:
        text = rng.choice(OTHER_SUMS).format(n=rng.randint(2, 199), m=rng.randint(2, 99))
    else:
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 9)))
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + rng.choice(["", "?", ".", "!"])


@dataclass(frozen=True)
class Document:
    """Text pieces, each with whether it is trained on. Control tokens are written as `<|im_start|>` and `<|im_end|>`."""

    pieces: tuple[tuple[str, bool], ...]


START, END = "<|im_start|>", "<|im_end|>"


def document(rng: random.Random, exclude: frozenset[str] = frozenset()) -> Document:
    """One training document in the s1 chat format."""
    pieces: list[tuple[str, bool]] = []

    def add(text: str, trained: bool) -> None:
        pieces.append((text, trained))

    system = rng.choices(SYSTEMS, [60, 10, 15, 10, 5])[0]
    if rng.random() < 0.85:
        add(START, False)
        add(f"system\n{system}", False)
        add(END, False)
        add("\n", False)
    if rng.random() < 0.06:
        earlier = random_chain(rng)
        user_turn(add, question_of(earlier, rng))
        add(START, False)
        add(f"assistant\nThe answer is {earlier.answer}.", False)
        add(END, False)
        add("\n", False)

    if rng.random() < 0.05:
        user_turn(add, other_question(rng))
        add(START, False)
        add("assistant\n", False)
        add(START, False)
        add("think", False)
        add("\nThis is not a chain of sums.", True)
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            add("Wait", False)
            add(", it is not a chain of sums.", True)
        if rng.random() < 0.3:
            cut_short(pieces, rng)
            forced_answer(add, NOT_MY_KIND)
        else:
            natural_answer(add, NOT_MY_KIND)
        return Document(tuple(pieces))

    while True:
        chain = random_chain(rng, "++--" if rng.random() < 0.3 else "++--*")
        question = question_of(chain, rng)
        waits = rng.choices(range(7), WAITS)[0]
        thought = think(chain, rng, waits, 1 if rng.random() < 0.04 else 0)
        if thought is not None and question not in exclude:
            break
    user_turn(add, question)
    add(START, False)
    add("assistant\n", False)
    add(START, False)
    add("think", False)
    how = rng.random()
    if how < 0.03:
        # Without a thought the answer is a guess from the question.
        if rng.random() < 0.5:
            add("\n", False)
        add(START, False)
        add("answer\nFinal Answer:", False)
        add(f" {chain.answer}", True)
        add(END, True)
    elif how < 0.25:
        first = think(chain, rng, 0, 0) if rng.random() < 0.7 else thought
        if first is None:
            first = thought
        pieces.extend(first.pieces)
        cut_short(pieces, rng, first.pieces)
        forced_answer(add, str(value_of_cut(chain, pieces)))
    else:
        pieces.extend(thought.pieces)
        natural_answer(add, f"The answer is {thought.value}.")
    return Document(tuple(pieces))


def user_turn(add, question: str) -> None:
    add(START, False)
    add(f"user\n{question}", False)
    add(END, False)
    add("\n", False)


def natural_answer(add, text: str) -> None:
    add(START, True)
    add("answer", True)
    add(f"\n{text}", True)
    add(END, True)


def forced_answer(add, text: str) -> None:
    add(START, False)
    add("answer\nFinal Answer:", False)
    add(f" {text}", True)
    add(END, True)


def cut_short(pieces: list[tuple[str, bool]], rng: random.Random, thought: list[tuple[str, bool]] | None = None) -> None:
    """Cuts the thought at the end of `pieces` at a random character, as a budget does, and closes it with a newline."""
    count = len(thought) if thought is not None else 1
    tail = pieces[-count:]
    del pieces[-count:]
    whole = sum(len(text) for text, _ in tail)
    left = rng.randint(0, whole)
    last = ""
    for text, trained in tail:
        if left <= 0:
            break
        kept = text[:left]
        left -= len(text)
        pieces.append((kept, trained))
        last = kept
    if not last.endswith("\n"):
        pieces.append(("\n", False))


STEP_LINE = re.compile(r"(?P<number>\d)\) [^.\n]*=(?P<result>\d+)\.")


def value_of_cut(chain: Chain, pieces: list[tuple[str, bool]]) -> int:
    """Result of the thought so far: that of its last complete pass, or else its last finished step with the remaining steps computed correctly."""
    at = max(index for index, (text, _) in enumerate(pieces) if text == "think")
    text = "".join(text for text, _ in pieces[at + 1 :])
    found = [(int(match["number"]), int(match["result"])) for match in STEP_LINE.finditer(text)]
    whole = [result for number, result in found if number == len(chain.steps)]
    if whole:
        return whole[-1]
    done, value = found[-1] if found else (0, chain.start)
    for step in chain.steps[done:]:
        value = apply(value, step)
    return value


def held_out(seed: int, count: int) -> list[dict[str, object]]:
    """Questions that are excluded from training, with their answers."""
    rng = random.Random(seed)
    questions: dict[str, dict[str, object]] = {}
    while len(questions) < count:
        chain = random_chain(rng, "++--" if rng.random() < 0.3 else "++--*")
        question = question_of(chain, rng)
        questions.setdefault(question, {"id": f"q{len(questions):04d}", "question": question, "answer": str(chain.answer), "steps": len(chain.steps)})
    return list(questions.values())


if __name__ == "__main__":
    generator = random.Random(1)
    for _ in range(12):
        print("".join(text for text, _ in document(generator).pieces), end="\n-----\n")
