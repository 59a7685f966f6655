"""What the training does at its steps: metrics on stdout, a checkpoint on SIGTERM, the mark of a whole checkpoint."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
from transformers import TrainerCallback

from checkpoints import mark_complete, remove_before

STOP_FILE = "BUDGETFORCE_STOP_FILE"
"""Variable with the path of a file whose existence stops the training as SIGTERM does. launch.py sets it."""


def emit(line: dict[str, object]) -> None:
    """Writes one line of JSON without spaces, whose form the metric definitions of CloudWatch match."""
    print(json.dumps(line, separators=(",", ":"), allow_nan=False), flush=True)


class DivergedError(Exception):
    """A loss or a gradient that is no number. The weights are of no use from here on."""


class Metrics(TrainerCallback):
    """Prints loss, learning rate and speed of each logged step.

    Raises DivergedError on the first process, which ends the run. Its last checkpoint stays.
    """

    def on_train_begin(self, args, state, control, **_) -> None:
        self.time = time.monotonic()
        self.tokens = 0

    def on_log(self, args, state, control, logs=None, **_) -> None:
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        for name, value in {"loss": logs["loss"], "norm of the gradient": float(logs["grad_norm"])}.items():
            if not math.isfinite(value):
                raise DivergedError(f"The {name} is {value} at step {state.global_step}. Write a lower --learning-rate, now {args.learning_rate}.")
        now, tokens = time.monotonic(), logs["num_tokens"]
        emit(
            {
                "step": state.global_step,
                "steps": state.max_steps,
                "epoch": round(logs["epoch"], 4),
                "loss": round(logs["loss"], 6),
                "learning_rate": logs["learning_rate"],
                "grad_norm": round(float(logs["grad_norm"]), 4),
                **({"token_accuracy": round(logs["mean_token_accuracy"], 4)} if "mean_token_accuracy" in logs else {}),
                "tokens_per_second": round((tokens - self.tokens) / max(now - self.time, 1e-9), 1),
                "tokens": int(tokens),
                **preference_metrics(logs),
                **sampled_metrics(logs),
            }
        )
        self.time, self.tokens = now, tokens


def preference_metrics(logs: dict[str, float]) -> dict[str, float]:
    """Of pairs: the share in which the chosen answer gained more than the rejected one, and by how much, in units of the reward."""
    names = {"rewards/accuracies": "pair_accuracy", "rewards/margins": "pair_margin"}
    return {name: round(logs[key], 4) for key, name in names.items() if key in logs}


def sampled_metrics(logs: dict[str, float]) -> dict[str, float]:
    """Of answers that were sampled (grpo): the share of right ones, their tokens, the share that was cut at the most tokens, and the mean reward."""
    names = {"rewards/right/mean": "right", "completions/mean_length": "completion_tokens", "completions/clipped_ratio": "cut", "reward": "reward"}
    return {name: round(logs[key], 4) for key, name in names.items() if logs.get(key) is not None}


class StopOnSignal(TrainerCallback):
    """Writes a checkpoint at the end of the running step and stops, if any process got SIGTERM or the stop file is there."""

    def __init__(self) -> None:
        self.asked = False
        self.stopped = False
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, *_) -> None:
        self.asked = True

    def on_step_end(self, args, state, control, **_):
        path = os.environ.get(STOP_FILE)
        if self.anyone(self.asked or (path is not None and Path(path).exists()), args.device) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True
        return control

    @staticmethod
    def anyone(asked: bool, device: torch.device) -> bool:
        """Whether any process was asked: all have to stop at the same step."""
        if not dist.is_initialized():
            return asked
        votes = torch.tensor([int(asked)], device=device)
        dist.all_reduce(votes, op=dist.ReduceOp.MAX)
        return bool(votes.item())


class CompleteCheckpoints(TrainerCallback):
    """Marks a checkpoint as whole when every process has written its files, and then removes the oldest.

    transformers would remove them on the first host only.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep

    def on_save(self, args, state, control, **_) -> None:
        folder = Path(args.output_dir)
        first_here = int(os.environ.get("LOCAL_RANK", "0")) == 0
        barrier()
        if first_here:
            processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            node = int(os.environ.get("RANK", "0")) // processes
            nodes = int(os.environ.get("WORLD_SIZE", "1")) // processes
            mark_complete(folder / f"checkpoint-{state.global_step}", node, nodes)
        # The new one is whole on every host before an old one goes.
        barrier()
        if first_here:
            remove_before(folder, state.global_step, self.keep)
        if state.is_world_process_zero:
            emit({"event": "checkpoint", "step": state.global_step})


def barrier() -> None:
    if dist.is_initialized():
        dist.barrier()
