"""Preferences: reads pairs and judged answers as `budgetforce preferences export` writes them, and trains on them by DPO or KTO.

Texts are in the model's format, control tokens included; no text of a person has one. They are encoded without the special tokens
that a tokenizer may add by itself, so the ids are those that the function serves.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from datasets import Dataset
from tokenizers import Tokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from data import DataError, Lengths, data_files, records_of

COLUMNS = {"dpo": ("prompt", "chosen", "rejected"), "kto": ("prompt", "completion", "label")}
"""Columns of a row by task. All are texts but `label`."""


@dataclass(frozen=True)
class Preferences:
    rows: list[dict[str, object]]
    lengths: Lengths


def read_preferences(options: Namespace, tokenizer: Tokenizer) -> Preferences:
    """Reads and encodes all rows of a file or a folder.

    Raises DataError for the first line that is no row, and for one that is longer than the block size unless it may be dropped.
    """
    columns = COLUMNS[options.task]
    rows: list[dict[str, object]] = []
    longest, dropped = 0, 0
    for file in data_files(options.data):
        if file.name == "held-out.jsonl":
            continue
        for place, record in records_of(file):
            row = encode(check(record, columns, place), tokenizer)
            length = max(len(row["prompt_ids"]) + len(ids) for name, ids in row.items() if name.endswith("_ids") and name != "prompt_ids")
            if length > options.block_size:
                if options.too_long == "refuse":
                    raise DataError(f"{place} has {length} tokens, above the block size of {options.block_size}. Write --block-size {length}, or --too-long drop.")
                dropped += 1
                continue
            longest = max(longest, length)
            rows.append(row)
    if not rows:
        raise DataError(f"{options.data} has no rows for {options.task}. Write one object per line with {', '.join(columns)}: budgetforce preferences export --format {options.task}.")
    tokens = sum(len(ids) for row in rows for name, ids in row.items() if name.endswith("_ids"))
    trained = sum(len(ids) for row in rows for name, ids in row.items() if name.endswith("_ids") and name != "prompt_ids")
    return Preferences(rows, Lengths(rows=len(rows), tokens=tokens, trained_tokens=trained, longest=longest, dropped=dropped, control_strings=0))


def check(record: object, columns: tuple[str, ...], place: str) -> dict[str, object]:
    if not isinstance(record, dict):
        raise DataError(f"{place} is no JSON object. Write {{{', '.join(columns)}}}.")
    for column in columns:
        value = record.get(column)
        fits = isinstance(value, bool) if column == "label" else isinstance(value, str) and value != ""
        if not fits:
            expected = "true or false" if column == "label" else "a text"
            raise DataError(f"{place} has no {column}, which must be {expected}. Write {{{', '.join(columns)}}}.")
    if "chosen" in columns and record["chosen"] == record["rejected"]:
        raise DataError(f"{place} has the same text as chosen and as rejected. Remove the row.")
    return {column: record[column] for column in columns}


def encode(row: dict[str, object], tokenizer: Tokenizer) -> dict[str, object]:
    """The columns as token ids: `prompt_ids`, `chosen_ids` and so on. The label stays."""
    return {
        name if name == "label" else f"{name}_ids": value if name == "label" else tokenizer.encode(str(value), add_special_tokens=False).ids
        for name, value in row.items()
    }


class EncodedDPOTrainer(DPOTrainer):
    """DPO on rows that are encoded already: TRL would add the special tokens of some tokenizers."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset


class EncodedKTOTrainer(KTOTrainer):
    """KTO on rows that are encoded already. The answers of other prompts, by which it estimates the KL divergence, are those of the batch, shifted by one, as in TRL."""

    def _prepare_dataset(self, dataset, processing_class, args, *_, **__):
        size = args.per_device_train_batch_size

        def shifted(batch):
            ids = batch["completion_ids"]
            return {"KL_completion_ids": [ids[-1], *ids[:-1]]}

        return dataset.map(shifted, batched=True, batch_size=size)


def make_config(options: Namespace, common: dict[str, object]) -> DPOConfig | KTOConfig:
    """The trainer's configuration.

    common: what all tasks share, see `trainer_config` in train.py
    """
    if options.task == "kto":
        return KTOConfig(**common, beta=options.beta)
    return DPOConfig(**common, beta=options.beta, ld_alpha=options.ld_alpha)


def make_trainer(options: Namespace, config: DPOConfig | KTOConfig, rows: list[dict[str, object]], parts: dict[str, object]):
    """A trainer of the task. The reference is the model before the training."""
    trainer = EncodedKTOTrainer if options.task == "kto" else EncodedDPOTrainer
    return trainer(args=config, train_dataset=Dataset.from_list(rows), **parts)
