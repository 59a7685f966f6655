"""GRPO: the model answers each question several times, and learns from what our graders say of each answer and from what its tokens cost.

The reward of an answer is 1 if it is right, less the price of its tokens, thought included. An answer without its end, because the
tokens were used up, is not right.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from datasets import Dataset
from tokenizers import Tokenizer
from trl import GRPOConfig, GRPOTrainer

from data import DataError, Lengths, RowEncoder, data_files, records_of, tokenizer_file
from grading import GRADERS

COLUMNS = ("prompt", "answer")
"""Columns of a row, both texts: a prompt in the model's format up to the opened thinking, and the right answer."""

AUTO = ("numeric", "choice", "exact")
"""Graders that `--grader auto` tries: the first that accepts the right answer of a row."""


@dataclass(frozen=True)
class Questions:
    rows: list[dict[str, object]]
    lengths: Lengths
    longest_prompt: int


def read_questions(options: Namespace, tokenizer: Tokenizer) -> Questions:
    """Reads all rows of a file or a folder, and chooses the grader of each.

    Raises DataError for the first line that is no row, that no grader can judge, or whose prompt leaves no room for an answer.
    """
    rows: list[dict[str, object]] = []
    tokens, longest, longest_kept, dropped = 0, 0, 0, 0
    room = options.max_completion_length or 1
    for file in data_files(options.data):
        if file.name == "held-out.jsonl":
            continue
        for place, record in records_of(file):
            prompt, answer = check(record, place)
            length = len(tokenizer.encode(prompt, add_special_tokens=False).ids)
            longest = max(longest, length)
            if length + room > options.block_size:
                if options.too_long == "refuse":
                    raise DataError(f"{place} has a prompt of {length} tokens, which leaves no room for {room} in the block size of {options.block_size}. Write --block-size {length + room}, or --too-long drop.")
                dropped += 1
                continue
            rows.append({"prompt": prompt, "answer": answer, "grader": grader_of(options.grader, answer, place)})
            tokens += length
            longest_kept = max(longest_kept, length)
    if not rows:
        raise DataError(f"{options.data} has no rows for grpo. Write one object per line with {', '.join(COLUMNS)}: budgetforce preferences export --format grpo.")
    return Questions(rows, Lengths(rows=len(rows), tokens=tokens, trained_tokens=0, longest=longest, dropped=dropped, control_strings=0), longest_kept)


def check(record: object, place: str) -> tuple[str, str]:
    if not isinstance(record, dict):
        raise DataError(f"{place} is no JSON object. Write {{{', '.join(COLUMNS)}}}.")
    for column in COLUMNS:
        if not isinstance(record.get(column), str) or record[column] == "":
            raise DataError(f"{place} has no {column}, which must be a text. Write {{{', '.join(COLUMNS)}}}.")
    return record["prompt"], record["answer"]


def grader_of(wanted: str, answer: str, place: str) -> str:
    for name in AUTO if wanted == "auto" else (wanted,):
        if GRADERS[name].accepts(answer):
            return name
    if wanted == "auto":
        raise DataError(f"{place}: no grader can judge by the answer {answer[:80]!r}. Write the answer alone: {', or '.join(GRADERS[name].expects for name in AUTO)}.")
    raise DataError(f"{place}: the grader {wanted} cannot judge by the answer {answer[:80]!r}. Write {GRADERS[wanted].expects}, or another --grader.")


class Reward:
    """Reads answers out of sampled ids, as the function does: the answer stands between the delimiter after the thinking and the end of the turn."""

    def __init__(self, encoder: RowEncoder) -> None:
        self.tokenizer = encoder.tokenizer
        self.delimiter = encoder.encode_parts(encoder.format["openAnswer"])
        self.end_id = encoder.end_id

    def answer_of(self, ids: list[int]) -> str | None:
        """The text of the answer. None if the ids have no whole one."""
        if not ids or ids[-1] != self.end_id:
            return None
        size = len(self.delimiter)
        start = next((at + size for at in range(len(ids) - size) if ids[at : at + size] == self.delimiter), None)
        return None if start is None else self.tokenizer.decode(ids[start:-1], skip_special_tokens=True)

    def right(self, completion_ids: list[list[int]], answer: list[str], grader: list[str], **_) -> list[float]:
        texts = [self.answer_of(ids) for ids in completion_ids]
        return [float(text is not None and GRADERS[name].is_right(text, expected)) for text, expected, name in zip(texts, answer, grader, strict=True)]

    @staticmethod
    def tokens(completion_ids: list[list[int]], **_) -> list[float]:
        return [float(len(ids)) for ids in completion_ids]


class EncodedGRPOTrainer(GRPOTrainer):
    """GRPO on prompts that have their control tokens already: TRL would add the special tokens of some tokenizers."""

    def _tokenize_prompts(self, prompts):
        return [self.processing_class.encode(prompt, add_special_tokens=False) for prompt in prompts], None, {}


def make_config(options: Namespace, common: dict[str, object], longest_prompt: int) -> GRPOConfig:
    """The trainer's configuration.

    common: what all tasks share, see `trainer_config` in train.py
    """
    shared = {name: value for name, value in common.items() if name != "max_length"}
    return GRPOConfig(
        **shared,
        beta=options.beta,
        num_generations=options.generations,
        max_completion_length=options.max_completion_length or options.block_size - longest_prompt,
        temperature=options.temperature,
        reward_weights=[1.0, -options.token_price],
        # Rewards are divided by the deviation of the whole batch. By that of each question, a group in which all are right would
        # learn from its lengths as strongly as another from right and wrong, whatever the price of a token.
        scale_rewards="batch",
    )


def make_trainer(options: Namespace, config: GRPOConfig, rows: list[dict[str, object]], parts: dict[str, object]) -> GRPOTrainer:
    """A trainer whose answers end where the format's do."""
    encoder = RowEncoder(options.format, Tokenizer.from_file(str(tokenizer_file(options.model))))
    reward = Reward(encoder)
    parts["model"].generation_config.eos_token_id = reward.end_id
    return EncodedGRPOTrainer(args=config, train_dataset=Dataset.from_list(rows), reward_funcs=[reward.right, reward.tokens], **parts)
