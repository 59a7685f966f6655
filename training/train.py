"""Trains the tiny model on generated documents. Deterministic for the same seed, machine and number of threads."""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from multiprocessing import Process, Queue
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from generate import document, held_out
from model import Config, Llama
from muon import Muon
from tokenizer import encode_document

HELD_OUT_SEED, HELD_OUT_COUNT = 2_024, 1_000
TOKENS_PER_BATCH = 5_000
DOCUMENTS_PER_POOL = 1_200
LONGEST = 700


def pools(seed: int, exclude: frozenset[str], work: Path) -> Iterator[list[tuple[list[int], list[bool]]]]:
    """Yields pools of documents without end. Batches of similar length are made from each pool."""
    rng = random.Random(seed)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    while True:
        pool = []
        while len(pool) < DOCUMENTS_PER_POOL:
            ids, trained = encode_document(tokenizer, document(rng, exclude).pieces)
            if len(ids) <= LONGEST:
                pool.append((ids, trained))
        yield pool


def batches(seed: int, exclude: frozenset[str], work: Path) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ids (batch, length) and targets of the same shape; -100 marks tokens that are not trained on."""
    rng = random.Random(seed + 1)
    for pool in pools(seed, exclude, work):
        pool.sort(key=lambda item: len(item[0]))
        made, start = [], 0
        while start < len(pool):
            end = start + 1
            while end < len(pool) and (end - start + 1) * len(pool[end][0]) <= TOKENS_PER_BATCH:
                end += 1
            made.append(pool[start:end])
            start = end
        rng.shuffle(made)
        for group in made:
            length = max(len(ids) for ids, _ in group)
            inputs = torch.zeros(len(group), length, dtype=torch.long)
            targets = torch.full((len(group), length), -100, dtype=torch.long)
            for row, (ids, trained) in enumerate(group):
                inputs[row, : len(ids)] = torch.tensor(ids)
                learned = [next_id if counts else -100 for next_id, counts in zip(ids[1:], trained[1:])]
                targets[row, : len(learned)] = torch.tensor(learned)
            yield inputs, targets


def produce(queue: Queue, seed: int, exclude: frozenset[str], work: Path) -> None:
    for inputs, targets in batches(seed, exclude, work):
        queue.put((inputs.numpy(), targets.numpy()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3_600)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True, help="folder with tokenizer.json, for questions.jsonl and checkpoint.pt")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    questions = held_out(HELD_OUT_SEED, HELD_OUT_COUNT)
    exclude = frozenset(str(question["question"]) for question in questions)
    (arguments.work / "questions.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions), encoding="utf8")

    config = Config()
    model = Llama(config)
    print(f"{model.parameter_count():,} parameters", flush=True)
    optimizers = [
        Muon(
            [
                {"params": [block.attention.qkv.weight for block in model.blocks], "parts": 3},
                {"params": [block.gate_and_up.weight for block in model.blocks], "parts": 2},
                {"params": [weight for block in model.blocks for weight in (block.attention.out.weight, block.down.weight)]},
            ],
            lr=arguments.learning_rate,
        ),
        torch.optim.AdamW(
            [model.embedding.weight, *(parameter for parameter in model.parameters() if parameter.dim() == 1)],
            lr=arguments.learning_rate * 0.15,
            betas=(0.9, 0.98),
            weight_decay=0.0,
            fused=True,
        ),
    ]
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]

    queue: Queue = Queue(maxsize=8)
    producer = Process(target=produce, args=(queue, arguments.seed + 100, exclude, arguments.work), daemon=True)
    producer.start()
    started, tokens, running = time.time(), 0, 0.0
    for step in range(arguments.steps):
        warm = min(1.0, (step + 1) / 100)
        cosine = 0.5 * (1 + math.cos(math.pi * step / arguments.steps))
        for optimizer, rate in zip(optimizers, rates):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * max(0.02, cosine)
        inputs, targets = (torch.from_numpy(array) for array in queue.get())
        hidden = model.hidden_states(inputs)
        learned = targets != -100
        logits = hidden[learned] @ model.embedding.weight.T
        loss = F.cross_entropy(logits, targets[learned])
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        tokens += inputs.numel()
        running = loss.item() if step == 0 else 0.95 * running + 0.05 * loss.item()
        if step % 25 == 0 or step + 1 == arguments.steps:
            elapsed = time.time() - started
            left = elapsed / (step + 1) * (arguments.steps - step - 1)
            print(f"step {step + 1}/{arguments.steps} loss {running:.4f} {tokens / elapsed:,.0f} tokens/s, {left / 60:.0f} min left", flush=True)
        if step % 250 == 249 or step + 1 == arguments.steps:
            torch.save(model.state_dict(), arguments.work / "checkpoint.pt")
    producer.terminate()


if __name__ == "__main__":
    main()
