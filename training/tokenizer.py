"""Trains a small byte-level BPE tokenizer in Qwen's style: every digit is a token, and control tokens follow the vocabulary."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from generate import END, START, document

END_OF_TEXT = "<|endoftext|>"
CONTROLS = [END_OF_TEXT, START, END]
VOCABULARY = 640

# The pattern of Qwen2, which llama.cpp knows as pre-tokenizer "qwen2".
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def train(seed: int, documents: int) -> Tokenizer:
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE(ignore_merges=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROLS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces = (text for _ in range(documents) for text, _ in document(rng).pieces if text not in CONTROLS)
    tokenizer.train_from_iterator(pieces, trainer)
    tokenizer.add_special_tokens([AddedToken(control, special=True, normalized=False) for control in CONTROLS])
    return tokenizer


def encode_document(tokenizer: Tokenizer, pieces: tuple[tuple[str, bool], ...]) -> tuple[list[int], list[bool]]:
    """Ids, and whether each is trained on. Each piece is encoded separately, since forced ids are appended separately."""
    ids: list[int] = []
    trained: list[bool] = []
    for text, counts in pieces:
        new = [tokenizer.token_to_id(text)] if text in CONTROLS else tokenizer.encode(text).ids
        ids.extend(new)
        trained.extend([counts] * len(new))
    return ids, trained


def main(folder: Path) -> None:
    tokenizer = train(seed=1, documents=20_000)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf8")
    assert tokenizer.encode("Wait").ids == [tokenizer.token_to_id("Wait")]
    for text in ["34+27=61.\n", "\u00e9\U0001f914 <|im_", "What is 3 \u00d7 4?"]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    print(f"{path}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer.json")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    main(arguments.work)
