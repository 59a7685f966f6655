"""Trains the tokenizer of the small model: as the tiny one's, with 1,024 tokens."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tokenizer import CONTROLS, PATTERN

from .generate import document

VOCABULARY = 1_024
DOCUMENTS = 12_000


def train(seed: int, documents: int) -> Tokenizer:
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE(ignore_merges=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(CONTROLS), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    pieces = (text for _ in range(documents) for text, _ in document(rng).pieces if text not in CONTROLS)
    tokenizer.train_from_iterator(pieces, trainer)
    tokenizer.add_special_tokens([AddedToken(control, special=True, normalized=False) for control in CONTROLS])
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer.json")
    folder = parser.parse_args().work
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train(seed=1, documents=DOCUMENTS)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf8")
    assert tokenizer.get_vocab_size() == VOCABULARY
    assert tokenizer.encode("Wait").ids == [tokenizer.token_to_id("Wait")]
    for text in ["34+27=61.\n", "\u00e9\U0001f914 <|im_", "What is 3 \u00d7 4?", "-17*3=-51"]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    print(f"{path}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
