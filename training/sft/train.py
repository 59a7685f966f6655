"""Fine-tunes a reasoning model with TRL: FSDP on GPUs, DDP with gloo on CPUs. README.md has the options.

    torchrun --nproc_per_node 2 training/sft/train.py --model FOLDER --data rows.jsonl --format s1 --output FOLDER

Each line on stdout is one JSON object. Exit status: 0 trained, 2 refused or diverged, 3 stopped by SIGTERM with a checkpoint.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PrinterCallback, ProgressCallback, Trainer, TrainingArguments, set_seed
from transformers.utils import logging as transformers_logging
from trl import SFTConfig, SFTTrainer

import preference
import reward
from callbacks import CompleteCheckpoints, DivergedError, Metrics, StopOnSignal, emit
from checkpoints import CheckpointError, choose_checkpoint, remove_after, write_run
from data import DataError, Encoded, Lengths, RowEncoder, data_files, encode_rows, read_rows, tokenizer_file
from export import merge_adapter, save_adapter, save_model
from options import parse_options

STOPPED = 3
"""Exit status after SIGTERM: a checkpoint was written, and the output was not."""

NOT_IN_RUN = {"output", "checkpoints", "resume", "keep_checkpoints", "save_steps", "log_steps", "micro_batch_size", "fsdp", "activation_checkpointing", "attention", "merge", "data", "columns"}
"""Options that may change when a run is continued."""


class RefusedError(Exception):
    """A combination of options that cannot be trained. The message says what to write."""


def main() -> int:
    options = parse_options()
    die_with_parent()
    rank = int(os.environ.get("RANK", "0"))
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    try:
        return train(options)
    except (RefusedError, DataError, CheckpointError, DivergedError) as error:
        if rank == 0:
            print(f"error: {error}", file=sys.stderr)
            note_failure(str(error))
        return 2
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def train(options: Namespace) -> int:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    micro = micro_batch_size(options, world)
    rows, lengths, longest_prompt = load_rows(options)
    run = run_of(options)
    chosen = choose_checkpoint(options.checkpoints, options.resume, run)

    config = trainer_config(options, world, micro, longest_prompt)
    rank = int(os.environ.get("RANK", "0"))
    barrier(world)
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        removed = remove_after(options.checkpoints, chosen)
        write_run(options.checkpoints, run)
    barrier(world)
    if rank == 0:
        emit({"event": "start", "processes": world, "checkpoint": chosen.name if chosen else None, "removed": removed, **asdict(lengths)})

    set_seed(options.seed)
    trainer = make_trainer(options, config, rows)
    sequences = len(trainer.train_dataset)
    # A question of grpo is answered several times in a batch.
    batch = options.batch_size // (options.generations if options.task == "grpo" else 1)
    if sequences < batch:
        packed = " packed" if options.packing else ""
        raise RefusedError(f"The data has {sequences}{packed} rows, fewer than one batch. Write --batch-size {sequences * options.batch_size // batch} or less.")
    trainer.train(resume_from_checkpoint=str(chosen) if chosen else None)
    stopped = next(callback for callback in trainer.callback_handler.callbacks if isinstance(callback, StopOnSignal)).stopped
    if stopped:
        if rank == 0:
            emit({"event": "stopped", "step": trainer.state.global_step, "checkpoint": f"checkpoint-{trainer.state.global_step}"})
        return STOPPED
    write_output(trainer, options)
    if rank == 0:
        emit({"event": "done", "step": trainer.state.global_step, "output": str(options.output)})
    return 0


def micro_batch_size(options: Namespace, world: int) -> int:
    """Rows in the memory of one process. The rest of its share of the batch is accumulated."""
    if options.batch_size % world != 0:
        raise RefusedError(f"--batch-size {options.batch_size} cannot be shared by {world} processes. Write a multiple of {world}.")
    share = options.batch_size // world
    default = 1 if torch.cuda.is_available() else max(size for size in range(1, min(share, 8) + 1) if share % size == 0)
    micro = options.micro_batch_size or default
    if share % micro != 0:
        raise RefusedError(f"--micro-batch-size {micro} does not divide {share}, the share of each of {world} processes. Write a divisor of {share}.")
    return micro


def load_rows(options: Namespace) -> tuple[list[Encoded] | list[dict[str, object]], Lengths, int]:
    """The rows, their lengths, and for grpo the tokens of the longest prompt."""
    if Path(options.model).is_dir() and not (Path(options.model) / "config.json").is_file():
        raise RefusedError(f"{options.model} has no config.json. Give a folder in Hugging Face's layout.")
    tokenizer = Tokenizer.from_file(str(tokenizer_file(options.model)))
    window = getattr(AutoConfig.from_pretrained(options.model).get_text_config(), "max_position_embeddings", None)
    if window is not None and options.block_size > window:
        # A row may still be as long as the window, and never longer.
        options.block_size = window
    if options.task == "grpo":
        questions = reward.read_questions(options, tokenizer)
        return questions.rows, questions.lengths, questions.longest_prompt
    if options.task != "sft":
        read = preference.read_preferences(options, tokenizer)
        return read.rows, read.lengths, 0
    encoder = RowEncoder(options.format, tokenizer)
    rows, lengths = encode_rows(read_rows(options.data, options.columns), encoder, options.block_size, options.too_long)
    return rows, lengths, 0


def run_of(options: Namespace) -> dict[str, object]:
    """What the trained weights depend on: the options, and the bytes of the data."""
    digest = hashlib.sha256()
    for file in data_files(options.data):
        digest.update(file.read_bytes())
    named = {name: value for name, value in vars(options).items() if name not in NOT_IN_RUN}
    return {**named, "data": digest.hexdigest()[:16]}


def trainer_config(options: Namespace, world: int, micro: int, longest_prompt: int) -> TrainingArguments:
    cuda = torch.cuda.is_available()
    bf16 = options.precision == "bf16" or (options.precision == "auto" and cuda)
    fsdp = options.fsdp == "on" or (options.fsdp == "auto" and cuda and world > 1)
    if fsdp and not can_shard():
        raise RefusedError("--fsdp on needs GPUs: accelerate would train with DDP on a CPU. Write --fsdp off.")
    if fsdp and world == 1:
        raise RefusedError("--fsdp on needs several processes. Start the script by torchrun with --nproc_per_node, or write --fsdp off.")
    checkpointing = options.activation_checkpointing == "on" or (options.activation_checkpointing == "auto" and cuda)
    # PEFT finds no adapter under FSDP's own checkpointing: a resumed run would begin with a new one.
    by_fsdp = checkpointing and options.lora_rank == 0
    parallel = (
        {
            "fsdp": True,
            "fsdp_config": {
                "version": 2,
                "state_dict_type": "SHARDED_STATE_DICT",
                "cpu_ram_efficient_loading": True,
                "activation_checkpointing": by_fsdp,
            },
            "activation_checkpointing": checkpointing and not by_fsdp,
        }
        if fsdp
        else {"activation_checkpointing": checkpointing, "ddp_find_unused_parameters": False}
    )
    common = dict(
        output_dir=str(options.checkpoints),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=options.batch_size // world // micro,
        # Without it each GPU would keep the gradients of all weights until the last part of a step: 61 GiB for 32 billion.
        accelerator_config={"gradient_accumulation_kwargs": {"sync_each_batch": fsdp}},
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.scheduler,
        warmup_steps=options.warmup_ratio,
        weight_decay=options.weight_decay,
        adam_beta1=options.beta1,
        adam_beta2=options.beta2,
        max_grad_norm=options.max_grad_norm,
        bf16=bf16,
        seed=options.seed,
        data_seed=options.seed,
        use_cpu=not cuda,
        ddp_backend=None if cuda else "gloo",
        # data.py has checked the lengths, so that TRL never cuts a row.
        max_length=options.block_size,
        save_strategy="steps",
        save_steps=options.save_steps,
        logging_steps=options.log_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=cuda,
        **parallel,
    )
    if options.task == "sft":
        return SFTConfig(**common, packing=options.packing, packing_strategy="bfd")
    if options.task == "grpo":
        return reward.make_config(options, common, longest_prompt)
    return preference.make_config(options, common)


def can_shard() -> bool:
    """Whether FSDP can be used. On CPUs accelerate takes DDP instead, without a word."""
    return torch.cuda.is_available()


def make_trainer(options: Namespace, config: TrainingArguments, rows: list[Encoded] | list[dict[str, object]]) -> Trainer:
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Full fine-tuning keeps fp32 weights beside bf16 products; frozen weights of LoRA need no more than bf16.
    dtype = torch.bfloat16 if options.lora_rank > 0 and config.bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype, attn_implementation=options.attention)
    model.config.use_cache = False
    parts = {
        "model": model,
        "processing_class": tokenizer,
        "peft_config": lora_config(options),
        "callbacks": [Metrics(), StopOnSignal(), CompleteCheckpoints(options.keep_checkpoints)],
    }
    if options.task == "sft":
        labels = [[-100] * row.prompt_length + row.ids[row.prompt_length :] for row in rows]
        dataset = Dataset.from_dict({"input_ids": [row.ids for row in rows], "labels": labels})
        trainer = SFTTrainer(args=config, train_dataset=dataset, **parts)
    elif options.task == "grpo":
        trainer = reward.make_trainer(options, config, rows, parts)
    else:
        trainer = preference.make_trainer(options, config, rows, parts)
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def lora_config(options: Namespace):
    if options.lora_rank == 0:
        return None
    from peft import LoraConfig

    targets = options.lora_targets
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=options.lora_rank,
        lora_alpha=options.lora_alpha or 2 * options.lora_rank,
        lora_dropout=options.lora_dropout,
        target_modules=targets if targets == "all-linear" else targets.split(","),
    )


def write_output(trainer: Trainer, options: Namespace) -> None:
    """Writes the model, or the adapter and the merged model, in Hugging Face's layout with the tokenizer files of the base model."""
    if options.lora_rank == 0:
        save_model(trainer, options.model, options.output)
        return
    adapter = options.output / "adapter" if options.merge else options.output
    save_adapter(trainer, adapter)
    if options.merge and trainer.is_world_process_zero():
        merge_adapter(options.model, adapter, options.output)
    trainer.accelerator.wait_for_everyone()


def die_with_parent() -> None:
    """Ends this process if torchrun is killed (Linux). It would go on and write into the checkpoints of the run that replaces it."""
    if sys.platform == "linux" and "TORCHELASTIC_RUN_ID" in os.environ:
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def barrier(world: int) -> None:
    """Waits for all processes. SFTConfig has set up their group."""
    if world > 1:
        dist.barrier()


def note_failure(message: str) -> None:
    """SageMaker shows this file as the failure reason of the job."""
    folder = Path("/opt/ml/output")
    if folder.is_dir():
        (folder / "failure").write_text(message[:1_024], encoding="utf8")


if __name__ == "__main__":
    sys.exit(main())
