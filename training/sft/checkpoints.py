"""Which checkpoints are whole, and whether they belong to a run.

A process that is killed while it writes leaves a part of a checkpoint, and SageMaker may upload or download one file by file. Each machine
therefore lists its files in complete-N.json when all of them are written, and a checkpoint without all of them is not used.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from pathlib import Path

NAME = re.compile(r"checkpoint-(\d+)")
RUN_FILE = "run.json"


class CheckpointError(Exception):
    """A folder of checkpoints that the run cannot use. The message says what to do."""


def mark_complete(checkpoint: Path, node: int, nodes: int) -> None:
    """Lists the files of this machine, of `nodes`. To be called when every process has written its files."""
    files = {str(file.relative_to(checkpoint)): file.stat().st_size for file in sorted(checkpoint.rglob("*")) if file.is_file()}
    files = {name: size for name, size in files.items() if not re.fullmatch(r"complete-\d+\.json", name)}
    write_whole(checkpoint / f"complete-{node}.json", {"nodes": nodes, "files": files})


def is_complete(checkpoint: Path) -> bool:
    """Whether the files of all machines are there with their sizes."""
    try:
        nodes = json.loads((checkpoint / "complete-0.json").read_text())["nodes"]
        for node in range(nodes):
            for name, size in json.loads((checkpoint / f"complete-{node}.json").read_text())["files"].items():
                if (checkpoint / name).stat().st_size != size:
                    return False
    except (OSError, ValueError, KeyError):
        return False
    return True


def step_of(checkpoint: Path) -> int:
    match = NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else -1


def find_checkpoints(folder: Path) -> list[Path]:
    """All checkpoints of a folder, whole or not, the latest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and step_of(path) >= 0]
    return sorted(found, key=step_of, reverse=True)


def choose_checkpoint(folder: Path, resume: str, run: dict[str, object]) -> Path | None:
    """The checkpoint to continue from, or None to begin.

    resume: "auto" continues if there is a whole checkpoint; "require" wants one; "never" wants an empty folder.
    run: what the result depends on. A folder of a run with other values is refused.
    """
    checkpoints = find_checkpoints(folder)
    if resume == "never":
        if checkpoints:
            raise CheckpointError(f"{folder} has {checkpoints[0].name}. Continue it without --resume never, or choose an empty --checkpoints.")
        return None
    whole = next(filter(is_complete, checkpoints), None)
    if whole is None:
        if resume == "require":
            raise CheckpointError(f"{folder} has no whole checkpoint to resume. Leave out --resume to begin, or choose another --checkpoints.")
        return None
    try:
        before = json.loads((folder / RUN_FILE).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / RUN_FILE} cannot be read, so it is unknown which run {whole.name} belongs to. Choose an empty --checkpoints.") from error
    other = sorted(name for name in {*before, *run} if before.get(name) != run.get(name))
    if other:
        changes = ", ".join(f"{name} {before.get(name)} → {run.get(name)}" for name in other)
        raise CheckpointError(f"{whole} belongs to another run ({changes}). Use its values to continue it, or choose an empty --checkpoints.")
    return whole


def remove_after(folder: Path, chosen: Path | None) -> list[str]:
    """Removes checkpoints later than the chosen one, which are not whole. Returns their names."""
    later = [path for path in find_checkpoints(folder) if step_of(path) > (step_of(chosen) if chosen else -1)]
    for path in later:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in later]


def remove_before(folder: Path, step: int, keep: int) -> None:
    """Removes all checkpoints up to a step but the latest `keep`."""
    for path in [path for path in find_checkpoints(folder) if step_of(path) <= step][keep:]:
        # Hosts may share the folder.
        shutil.rmtree(path, ignore_errors=True)


def write_run(folder: Path, run: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RUN_FILE, run)


def write_whole(path: Path, value: object) -> None:
    """Writes a file under another name first, so that it is never there in part. Hosts may write it at the same time."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf8")
    part.replace(path)
