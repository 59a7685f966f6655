"""Options of the training script. The defaults are s1's recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from data import COLUMNS, FORMATS

BLOCK_SIZES = {"s1": 32_768, "s1.1": 20_000}
"""Tokens of a row: train/sft.sh of simplescaling/s1, and its later version for s1.1."""

GRPO_ONLY = ("generations", "token_price", "grader", "temperature", "max_completion_length")
"""Options that no other task has."""


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Fine-tunes a reasoning model on rows of question, thought and answer. The defaults are s1's recipe. Run it by torchrun.",
    )
    add = parser.add_argument
    add("--model", required=True, help="folder in Hugging Face's layout, or repository of its hub")
    add("--data", type=Path, required=True, help="JSONL, JSON or Parquet, or a folder of such files")
    add("--format", required=True, choices=list(FORMATS), help="how the model delimits its thinking: the format in which it is served")
    add("--task", choices=["sft", "dpo", "kto", "grpo"], default="sft", help="sft: rows of question, thought and answer; dpo: prompt, chosen, rejected; kto: prompt, completion, label; grpo: prompt, answer (default: sft)")
    add("--output", type=Path, required=True, help="folder for the trained model in Hugging Face's layout")
    add("--checkpoints", type=Path, default=None, help="folder of checkpoints (default: OUTPUT/checkpoints; launch.py: /opt/ml/checkpoints)")
    add("--columns", choices=["auto", *COLUMNS], default="auto", help="columns of the data (default: those of the first row)")

    recipe = parser.add_argument_group("recipe").add_argument
    recipe("--recipe", choices=list(BLOCK_SIZES), default="s1", help="s1: rows of 32,768 tokens; s1.1: of 20,000 (default: s1)")
    recipe("--epochs", type=positive_float, default=5)
    recipe("--max-steps", type=positive, default=None, help="stop after these steps, whatever --epochs says")
    recipe("--learning-rate", type=positive_float, default=1e-5)
    recipe("--batch-size", type=positive, default=16, help="rows of one step on all processes; grpo: sampled answers (default: 16)")
    recipe("--micro-batch-size", type=positive, default=None, help="rows in the memory of one process (default: 1 on GPUs; on CPUs its share, up to 8)")
    recipe("--scheduler", choices=["cosine", "linear", "constant_with_warmup"], default="cosine")
    recipe("--warmup-ratio", type=fraction, default=0.05, help="share of the steps in which the learning rate rises (default: 0.05)")
    recipe("--weight-decay", type=non_negative, default=1e-4)
    recipe("--beta1", type=fraction, default=0.9)
    recipe("--beta2", type=fraction, default=0.95)
    recipe("--max-grad-norm", type=positive_float, default=1.0)
    recipe("--precision", choices=["auto", "bf16", "fp32"], default="auto", help="auto: bf16 with fp32 weights on GPUs, fp32 on CPUs")
    recipe("--seed", type=int, default=1)

    preference = parser.add_argument_group("preferences (dpo, kto, grpo)").add_argument
    preference("--beta", type=non_negative, default=None, help="how strongly the model is held near the one before (default: 0.1; grpo: 0, which needs no second model)")
    preference("--ld-alpha", type=share, default=None, help="dpo: weight of the tokens by which one answer is longer, 0 to 1; below 1, length counts less (default: 1)")

    grpo = parser.add_argument_group("grpo").add_argument
    grpo("--generations", type=positive, default=8, help="answers that are sampled to each question (default: 8)")
    grpo("--token-price", type=non_negative, default=1e-4, help="what a token of thought or answer costs, in rewards of a right answer, which is 1 (default: 0.0001)")
    grpo("--grader", choices=["auto", "exact", "numeric", "choice"], default="auto", help="what compares an answer with the right one; auto: the first of numeric, choice and exact that can (default: auto)")
    grpo("--temperature", type=positive_float, default=1.0, help="of the sampled answers (default: 1)")
    grpo("--max-completion-length", type=positive, default=None, help="most tokens of a sampled thought with its answer (default: what the longest prompt leaves of the block size)")

    length = parser.add_argument_group("length").add_argument
    length("--block-size", type=positive, default=None, help="most tokens of a row (default: the recipe's)")
    length("--too-long", choices=["refuse", "drop"], default="refuse", help="a longer row: an error, or left out and counted. No row is cut (default: refuse)")
    length("--packing", type=flag, nargs="?", const=True, default=False, help="several rows in one sequence of the block size, without attention between them")

    lora = parser.add_argument_group("LoRA").add_argument
    lora("--lora-rank", type=non_negative_int, default=0, help="rank of the adapter; 0 trains all weights (default: 0)")
    lora("--lora-alpha", type=positive, default=None, help="default: twice the rank")
    lora("--lora-dropout", type=fraction, default=0.0)
    lora("--lora-targets", default="all-linear", help="names of layers, with commas (default: all-linear)")
    lora("--merge", type=flag, nargs="?", const=True, default=True, help="write the model with the adapter merged; false: the adapter alone (default: true)")

    machine = parser.add_argument_group("machine").add_argument
    machine("--fsdp", choices=["auto", "on", "off"], default="auto", help="auto: on with several GPUs; with off, and on CPUs, DDP")
    machine("--activation-checkpointing", choices=["auto", "on", "off"], default="auto", help="less memory for more time; auto: on GPUs")
    machine("--attention", default="sdpa", help="attention of transformers, for instance flash_attention_2 (default: sdpa)")
    machine("--save-steps", type=positive, default=25, help="steps between checkpoints (default: 25)")
    machine("--keep-checkpoints", type=positive, default=2)
    machine("--resume", nargs="?", const="require", choices=["auto", "require", "never"], default="auto", help="auto: continue from the last whole checkpoint if there is one; --resume alone: there must be one")
    machine("--log-steps", type=positive, default=1)

    options = parser.parse_args(arguments)
    if options.task != "sft" and options.packing:
        parser.error("--packing is for sft only: write --packing false")
    if options.task != "dpo" and options.ld_alpha is not None:
        parser.error("--ld-alpha is for --task dpo only")
    if options.beta == 0 and options.task in ("dpo", "kto"):
        parser.error(f"--beta 0 teaches {options.task} nothing: write a number above 0")
    if options.beta is None:
        options.beta = 0.0 if options.task == "grpo" else 0.1
    if options.task == "grpo":
        if options.generations < 2:
            parser.error("--generations 1 has no other answer to compare with: write 2 or more")
        if options.batch_size % options.generations != 0:
            parser.error(f"--batch-size {options.batch_size} is no multiple of --generations {options.generations}: write {-(-options.batch_size // options.generations) * options.generations}")
    elif any(getattr(options, name) != parser.get_default(name) for name in GRPO_ONLY):
        parser.error(f"{', '.join('--' + name.replace('_', '-') for name in GRPO_ONLY)} are for --task grpo only")
    if options.checkpoints is None:
        options.checkpoints = options.output / "checkpoints"
    if options.block_size is None:
        options.block_size = BLOCK_SIZES[options.recipe]
    return options


def number(kind: type, low: float, inclusive: bool, high: float, what: str):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (low <= value if inclusive else low < value) or not value < high:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parse


positive = number(int, 0, False, 2**31, "a whole number above 0")
non_negative_int = number(int, 0, True, 2**31, "a whole number from 0")
positive_float = number(float, 0, False, float("inf"), "a number above 0")
non_negative = number(float, 0, True, float("inf"), "a number from 0")
fraction = number(float, 0, True, 1, "a number from 0 to below 1")
share = number(float, 0, True, 1.000001, "a number from 0 to 1")


def flag(text: str) -> bool:
    """A hyperparameter of SageMaker is a text."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"
