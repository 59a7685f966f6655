"""Writes models/: what AWS's service models say of the operations in operations.json. Run it after a change of that list, or for a newer botocore.

    pip install botocore==1.44.8 && python test/aws-models/extract.py

The models are data of botocore (https://github.com/boto/botocore, Apache-2.0): operations, shapes and their constraints, without the documentation.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import botocore

HERE = Path(__file__).parent
DATA = Path(botocore.__file__).parent / "data"
KEPT = {
    *("type", "required", "members", "member", "key", "value", "enum", "min", "max", "pattern", "union", "exception", "error", "document", "eventstream"),
    *("shape", "location", "locationName", "payload", "streaming", "timestampFormat", "flattened"),
}


def main() -> None:
    wanted = json.loads((HERE / "operations.json").read_text(encoding="utf8"))
    (HERE / "models").mkdir(exist_ok=True)
    for folder, names in wanted.items():
        file = sorted((DATA / folder).glob("*/service-2.json.gz"))[-1]
        model = json.loads(gzip.decompress(file.read_bytes()))
        unknown = [name for name in names if name not in model["operations"]]
        if unknown:
            sys.exit(f"{folder} has no operation {', '.join(unknown)}. Its operations: {', '.join(model['operations'])}")
        operations = {name: model["operations"][name] for name in sorted(names)}
        shapes: dict[str, object] = {}
        for operation in operations.values():
            for reference in (operation.get("input"), operation.get("output"), *operation.get("errors", [])):
                if reference is not None:
                    reach(reference["shape"], model["shapes"], shapes)
        written = {
            "botocore": botocore.__version__,
            "serviceId": model["metadata"]["serviceId"],
            "protocol": model["metadata"]["protocol"],
            "operations": {
                name: {
                    "input": operation.get("input", {}).get("shape"),
                    "output": operation.get("output", {}).get("shape"),
                    "errors": [error["shape"] for error in operation.get("errors", [])],
                }
                for name, operation in operations.items()
            },
            "shapes": dict(sorted(shapes.items())),
        }
        (HERE / "models" / f"{folder}.json").write_text(json.dumps(written, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf8")
        print(f"{folder}: {len(operations)} operations, {len(shapes)} shapes of {file.parent.name}")


def reach(name: str, all_shapes: dict, found: dict[str, object]) -> None:
    if name in found:
        return
    found[name] = slim(all_shapes[name])
    shape = all_shapes[name]
    for reference in (*shape.get("members", {}).values(), shape.get("member"), shape.get("key"), shape.get("value")):
        if reference is not None:
            reach(reference["shape"], all_shapes, found)


def slim(value: object) -> object:
    """A shape without its documentation. Names of members are kept whatever they are."""
    if not isinstance(value, dict):
        return value
    return {
        key: {name: slim(reference) for name, reference in inner.items()} if key == "members" else slim(inner)
        for key, inner in value.items()
        if key in KEPT
    }


if __name__ == "__main__":
    main()
