/** Python that answers lines of JSON by math-verify: first its versions, then verdicts. */
export const MATH_VERIFY = `
import json, logging, sys
from importlib.metadata import version

from math_verify import parse, verify

logging.disable(logging.CRITICAL)

def read(text):
    marked = any(mark in text for mark in ("$", "\\\\boxed", "\\\\(", "\\\\[", "nswer"))
    # Text without marks is an answer alone: as mathematics, else as prose.
    return (parse(text) if marked else parse("$" + text + "$")) or parse(text)

for line in sys.stdin:
    asked = json.loads(line)
    if "versions" in asked:
        names = ["math-verify", "latex2sympy2_extended", "sympy"]
        print(json.dumps({name: version(name) for name in names}), flush=True)
        continue
    expected = read(asked["expected"])
    answer = read(asked["answer"])
    try:
        right = bool(verify(expected, answer))
    except Exception:
        right = False
    print(json.dumps({"right": right, "key": str(answer[0])[:1000] if answer else None}), flush=True)
`;
