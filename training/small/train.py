"""Trains the small model on generated documents. Writes checkpoints into a work folder, and continues from the last one."""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator
from multiprocessing import Process, Queue
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from model import Llama
from muon import Muon
from tokenizer import encode_document

from .generate import document
from .model import small_model
from .questions import excluded

TOKENS_PER_BATCH = 6_000
DOCUMENTS_PER_POOL = 1_000
LONGEST = 1_100
CURRICULUM_STEPS = 350
"""Steps after which the documents are as hard as they get."""

DECAY = 0.45
"""Share of the steps, at the end, in which the learning rate falls to 0. Before it is constant, so that an interrupted run can continue with more steps."""

SAVE_EVERY_SECONDS = 120


def batches(seed: int, tokenizer_path: Path, pool: int, at: int, step: int) -> Iterator[tuple[int, int, torch.Tensor, torch.Tensor]]:
    """Batches of documents of similar length, from batch `at` of pool `pool` on, which began at `step`. Targets are -100 if not trained on."""
    tokenizer, exclude = Tokenizer.from_file(str(tokenizer_path)), excluded()
    while True:
        rng = random.Random(f"{seed}/{pool}")
        level = min(1.0, step / CURRICULUM_STEPS)
        documents: list[tuple[list[int], list[bool]]] = []
        while len(documents) < DOCUMENTS_PER_POOL:
            ids, trained = encode_document(tokenizer, document(rng, exclude, level).pieces)
            if len(ids) <= LONGEST:
                documents.append((ids, trained))
        documents.sort(key=lambda item: len(item[0]))
        groups: list[list[tuple[list[int], list[bool]]]] = [[]]
        for item in documents:
            if (len(groups[-1]) + 1) * len(item[0]) > TOKENS_PER_BATCH:
                groups.append([])
            groups[-1].append(item)
        rng.shuffle(groups)
        for index, group in enumerate(groups[at:], at):
            length = max(len(ids) for ids, _ in group)
            inputs = torch.zeros(len(group), length, dtype=torch.long)
            targets = torch.full((len(group), length), -100, dtype=torch.long)
            for row, (ids, trained) in enumerate(group):
                inputs[row, : len(ids)] = torch.tensor(ids)
                learned = [next_id if counts else -100 for next_id, counts in zip(ids[1:], trained[1:])]
                targets[row, : len(learned)] = torch.tensor(learned)
            yield pool, index, inputs, targets
        pool, at, step = pool + 1, 0, step + len(groups)


def produce(queue: Queue, *arguments: object) -> None:
    torch.set_num_threads(1)
    for pool, index, inputs, targets in batches(*arguments):  # type: ignore[arg-type]
        queue.put((pool, index, inputs.numpy(), targets.numpy()))


def runnable() -> int:
    """Runnable threads on this machine, this one included."""
    return int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])


def optimizers_of(model: Llama, rate: float) -> list[torch.optim.Optimizer]:
    attention = [block.attention.qkv.weight for block in model.blocks]
    gates = [block.gate_and_up.weight for block in model.blocks]
    others = [weight for block in model.blocks for weight in (block.attention.out.weight, block.down.weight)]
    rest = [model.embedding.weight, *(parameter for parameter in model.parameters() if parameter.dim() == 1)]
    return [
        Muon([{"params": attention, "parts": 3}, {"params": gates, "parts": 2}, {"params": others}], lr=rate),
        torch.optim.AdamW(rest, lr=rate * 0.15, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4_200)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--yield-to-others", action="store_true", help="use one thread while other processes are running")
    parser.add_argument("--work", type=Path, required=True, help="folder with tokenizer.json, for checkpoint.pt")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    model = small_model()
    optimizers = optimizers_of(model, arguments.learning_rate)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    print(f"{model.parameter_count():,} parameters", flush=True)

    path = arguments.work / "checkpoint.pt"
    first, pool, at, pool_step, tokens, seconds = 0, 0, 0, 0, 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        first, pool, at, pool_step, tokens, seconds = (saved[name] for name in ("step", "pool", "at", "pool_step", "tokens", "seconds"))
        print(f"continues after step {first}", flush=True)

    def save(step: int) -> None:
        state = {"model": model.state_dict(), "optimizers": [optimizer.state_dict() for optimizer in optimizers], "step": step, "pool": pool, "at": at, "pool_step": pool_step, "tokens": tokens, "seconds": seconds + time.time() - started}
        torch.save(state, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)

    queue: Queue = Queue(maxsize=8)
    producer = Process(target=produce, args=(queue, arguments.seed + 100, arguments.work / "tokenizer.json", pool, at, pool_step), daemon=True)
    producer.start()
    started = last_saved = time.time()
    already, running = tokens, 0.0
    for step in range(first, arguments.steps):
        warm = min(1.0, (step + 1) / 100)
        decay = min(1.0, (arguments.steps - step) / (DECAY * arguments.steps))
        for optimizer, rate in zip(optimizers, rates):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * decay
        if arguments.yield_to_others and step % 2 == 0:
            torch.set_num_threads(1 if runnable() > 3 else arguments.threads)
        new_pool, index, *arrays = queue.get()
        if new_pool != pool:
            pool, pool_step = new_pool, step
        at = index + 1
        inputs, targets = (torch.from_numpy(array) for array in arrays)
        learned = targets != -100
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model.hidden_states(inputs)[learned] @ model.embedding.weight.T
        loss = F.cross_entropy(logits.float(), targets[learned])
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for optimizer in optimizers:
                optimizer.step()
        tokens += inputs.numel()
        running = loss.item() if step == first else 0.95 * running + 0.05 * loss.item()
        if step % 25 == 0 or step + 1 == arguments.steps:
            elapsed = time.time() - started
            left = elapsed / (step + 1 - first) * (arguments.steps - step - 1)
            print(f"step {step + 1}/{arguments.steps} loss {running:.4f} {(tokens - already) / elapsed:,.0f} tokens/s, {left / 60:.0f} min left", flush=True)
        if time.time() - last_saved > SAVE_EVERY_SECONDS or step + 1 == arguments.steps:
            last_saved = time.time()
            save(step + 1)
    producer.terminate()
    print(f"{tokens:,} tokens in {(seconds + time.time() - started) / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
