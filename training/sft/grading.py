"""Graders of evaluate/graders in Python: `exact`, `numeric` and `choice`. test/train/fixtures/graded.json is what evaluate/graders says, and both are tested with it.

A training image has no Node.js, so the reward of GRPO cannot ask the originals. `math` of evaluate/graders has no counterpart here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

WHITE = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space of JavaScript. Python's own has other members."""

SPACE = f"[{WHITE}]"
WHITE_SPACE = re.compile(r"(?<!\\)\\s")


def pattern(text: str, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern as JavaScript reads it: `\\s` is its white space, which must not stand in a class; `\\w`, `\\d` and letters are ASCII."""
    return re.compile(WHITE_SPACE.sub(lambda _: SPACE, text), re.ASCII | (re.IGNORECASE if ignore_case else 0))


def trim(text: str) -> str:
    return text.strip(WHITE)


MARKER = pattern(r"(?:final answer|answer)\s*(?:is|:|=)\s*:?\s*", ignore_case=True)


def extract_answer(text: str) -> str:
    """The final answer of a text: the content of the last `\\boxed{}`; else the line after the last "Final Answer:" or "answer is"; else the first line."""
    boxed = last_boxed(text)
    if boxed is not None:
        return trim(boxed)
    markers = list(MARKER.finditer(text))
    rest = text[markers[-1].end() :] if markers else text
    return without_marks(trim(rest).split("\n", 1)[0])


def without_marks(line: str) -> str:
    start, end = 0, len(line)
    while start < len(line) and line[start] == "*":
        start += 1
    while end > start and (line[end - 1] in "*." or trim(line[end - 1]) == ""):
        end -= 1
    return trim(line[start:end])


def last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    begin = start + len("\\boxed{")
    depth = 1
    for at in range(begin, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return text[begin:at]
    return None


FRAC = pattern(r"\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
THIN = pattern(r"\\[,;! ]|\$")
THOUSANDS = pattern("(\\d)[,\u00a0\u202f'’](?=\\d{3}(?!\\d))")
NUMBER = pattern(r"(?<![\w.])-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?:\s*/\s*\d+)?")
UNIT = pattern(r"\\(?:text|mathrm)\{")


def extract_number(text: str) -> float | None:
    """The last number of a text, see `extractNumber` of lambda/generation."""
    plain = without_units(FRAC.sub(r"\1/\2", text))
    plain = THIN.sub(" ", plain).replace("\u2212", "-")
    numbers = NUMBER.findall(THOUSANDS.sub(r"\1", plain))
    if not numbers:
        return None
    over, *under = (float(trim(part)) for part in numbers[-1].split("/"))
    if not under:
        return over
    return None if under[0] == 0 else over / under[0]


def without_units(text: str) -> str:
    plain, begin = "", 0
    for match in UNIT.finditer(text):
        if match.start() < begin:
            continue
        close = text.find("}", match.start())
        if close < 0:
            break
        plain += text[begin : match.start()] + " "
        begin = close + 1
    return plain + text[begin:]


GAP = pattern(r"\s+")


def normal_text(text: str) -> str:
    return GAP.sub(" ", trim(text).lower())


def exact(text: str, expected: str) -> bool:
    """The same text, up to case and white space."""
    return normal_text(extract_answer(text)) == normal_text(expected)


PLAIN = pattern(
    "^\\$? ?[-−+]? ?\\$?(?:\\d{1,3}(?:(?:,|\\{,\\}|['’\u00a0\u202f])\\d{3})+|\\d+)?(?:\\.\\d+)?(?:[eE][-+]?\\d+)?(?: ?/ ?\\d+)? ?\\\\?%?\\$?\\Z"
)
PLAIN_FRACTION = pattern(r"^-?\\[dt]?frac\{-?\d+\}\{\d+\}\Z")
UNIT_WITH_POWER = pattern(r"\\(?:text|mathrm)\{[^{}]*\}(?:\^(?:\d|\{\d\}))?")
NO_PLAIN_VALUE = pattern(r"\\sqrt|√|\\pi(?![a-z])|π|\^(?!\s*\{?\s*\\circ)")
COMMA = pattern(r"(\d),(?=\d{3}(?!\d))")
SEVERAL = pattern(r"[(\[{][^()\[\]{}]*[,;][^()\[\]{}]*[)\]}]\W*\Z")
WIDE = re.compile(f"[{WHITE.replace(chr(0xA0), '').replace(chr(0x202F), '')}]+")
"""White space that separates no thousands."""

SIGN = pattern(r"([-−+])\s*\$?\s*(?=[\d.])")


def numeric(text: str, expected: str) -> bool:
    """The same number up to rounding: a relative error of 1e-6; whole numbers exactly."""
    actual, target = number_of(text), plain_number(expected)
    if actual is None or target is None:
        return False
    if actual.is_integer() and target.is_integer():
        return actual == target
    error = abs(actual - target)
    return error <= 1e-6 * max(1.0, abs(target)) and error < 0.01


def number_of(text: str) -> float | None:
    answer = UNIT_WITH_POWER.sub(" ", extract_answer(text))
    result = answer[answer.rfind("=") + 1 :]
    if NO_PLAIN_VALUE.search(result) or SEVERAL.search(COMMA.sub(r"\1", result)):
        return None
    return extract_number(answer)


def plain_number(text: str) -> float | None:
    trimmed = WIDE.sub(" ", trim(text))
    if not re.search("[0-9]", trimmed) or not (PLAIN.search(trimmed) or PLAIN_FRACTION.search(trimmed)):
        return None
    number = extract_number(SIGN.sub(r"\1", trimmed.replace("{,}", ","), count=1))
    return None if number is None or not math.isfinite(number) else number


TEXT_COMMANDS = pattern(r"\\(?:text|textbf|mathrm|mathbf|mathit|mathsf|bf|rm)\b\s*")
QUOTES = pattern(r"[*_$`\"“”{}\\]")
NAMED = pattern(r"\b(?:options?|choices?|answers?|letter)\s*(?:(?:is|are|:|=)\s*)?[(\[]?([A-Z])(?![A-Za-z'’])", ignore_case=True)
FIRST = pattern(r"^[(\[]?\s*([A-Z])\s*(?:[)\].:,;]|\Z|\s*[-–—=]\s)", ignore_case=True)
START = pattern(r"^([B-HJ-Z])\s")
BRACKETED = pattern(r"[(\[]([A-Z])[)\]]")
ALONE = pattern(r"(?<![A-Za-z'’])([A-Z])(?![A-Za-z'’])")
LETTER = pattern(r"^\s*\(?[A-Za-z]\)?\s*\Z")


def choice(text: str, expected: str) -> bool:
    """The letter of an option."""
    letter = letter_of(text)
    return letter is not None and letter == letter_of(expected)


def letter_of(text: str) -> str | None:
    answer = trim(QUOTES.sub(" ", TEXT_COMMANDS.sub(" ", extract_answer(text))))
    for found in (FIRST.search(answer), START.search(answer), NAMED.search(answer)):
        if found:
            return found.group(1).upper()
    if bracketed := BRACKETED.findall(answer):
        return bracketed[-1].upper()
    alone = ALONE.findall(answer)
    likely = [letter for letter in alone if letter not in "IA"] or alone
    return likely[-1].upper() if likely else None


@dataclass(frozen=True)
class Grader:
    is_right: Callable[[str, str], bool]
    accepts: Callable[[str], bool]
    """Whether an expected answer can be judged."""
    expects: str


GRADERS = {
    "exact": Grader(exact, lambda expected: normal_text(extract_answer(expected)) == normal_text(expected), "a text alone, in one line"),
    "numeric": Grader(numeric, lambda expected: plain_number(expected) is not None, "a plain number, as 1234, -0.5 or 3/4"),
    "choice": Grader(choice, lambda expected: LETTER.search(expected) is not None, "the letter of an option"),
}
"""Graders by their name in evaluate/graders."""
