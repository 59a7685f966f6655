"""Training rows: reads questions, thoughts and answers, and encodes them in the token ids that the function serves.

A row is one conversation with one question. Its prompt ends where the thinking is opened; its completion is the thought, the delimiter,
the answer and the token that ends it. formats.json has the delimiters, exported from lambda/formats by `npm run build:formats`.

    python training/sft/data.py --data rows.jsonl --model FOLDER --format s1      counts rows and tokens, without PyTorch
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

FORMATS = json.loads((Path(__file__).parent / "formats.json").read_text(encoding="utf8"))
"""Delimiters by the name of the format."""

ENDINGS = (".jsonl", ".json", ".parquet")


class DataError(Exception):
    """Training data that cannot be used. The message names the file, the line and the column, and what to write instead."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns that hold a row. Of several answers, the first that the file has counts."""

    name: str
    thought: str
    answers: tuple[str, ...]
    answer_start: str = ""
    """Text before an answer that lacks it."""


COLUMNS = {
    columns.name: columns
    for columns in (
        Columns("plain", "thought", ("answer",)),
        Columns("s1k-1.1", "deepseek_thinking_trajectory", ("deepseek_attempt",)),
        # s1's data/tokenization.py writes "Answer: " before an attempt that does not contain it.
        Columns("s1k", "thinking_trajectories", ("attempt", "solution"), answer_start="Answer: "),
    )
}
"""Supported sets of columns, each with `question` and optionally `system`. The first whose thought a file has is taken."""


@dataclass(frozen=True)
class Row:
    question: str
    thought: str
    answer: str
    system: str | None
    place: str
    """File and line, for messages."""


@dataclass(frozen=True)
class Encoded:
    """Token ids of a row. The loss counts from `prompt_length` on."""

    ids: list[int]
    prompt_length: int
    place: str


def data_files(path: Path) -> list[Path]:
    """The files of a path: itself, or all of a folder (a SageMaker channel) in the order of their names."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS and file.is_file())
        if not files:
            raise DataError(f"{path} has no file that ends in {', '.join(ENDINGS)}. Put the training data there as JSONL.")
        return files
    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the file or the folder with the training data.")
    if path.suffix not in ENDINGS:
        raise DataError(f"{path} is none of {', '.join(ENDINGS)}. Write the training data as JSONL: one object per line.")
    return [path]


def read_rows(path: Path, columns: str = "auto") -> list[Row]:
    """Reads all rows of a file or a folder.

    columns: a key of COLUMNS, or "auto": what the first row of each file has.
    Raises DataError for the first line that is no row.
    """
    rows = [row for file in data_files(path) for row in rows_of(file, columns)]
    if not rows:
        raise DataError(f"{path} has no rows. Write one object per line: {{question, thought, answer}}.")
    return rows


def rows_of(file: Path, columns: str) -> Iterator[Row]:
    chosen = None if columns == "auto" else COLUMNS[columns]
    for place, record in records_of(file):
        if not isinstance(record, dict):
            raise DataError(f"{place} is no JSON object. Write {{question, thought, answer}}.")
        chosen = chosen or detect_columns(record, place)
        yield row_of(record, chosen, place)


def records_of(file: Path) -> Iterator[tuple[str, object]]:
    """The records of a file, each with its place."""
    if file.suffix == ".parquet":
        from pyarrow import ArrowInvalid, parquet  # Only needed for this kind of file.

        try:
            table = parquet.read_table(file)
        except ArrowInvalid as error:
            raise DataError(f"{file} is no Parquet file: {error}.") from error
        yield from ((f"{file}, row {number}", record) for number, record in enumerate(table.to_pylist(), 1))
        return
    if file.suffix == ".json":
        whole = parse_json(file.read_bytes(), str(file))
        if not isinstance(whole, list):
            raise DataError(f"{file} is no JSON array. Write an array of rows, or JSONL with one object per line.")
        yield from ((f"{file}, row {number}", record) for number, record in enumerate(whole, 1))
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() not in (b"", b"\xef\xbb\xbf"):
                place = f"{file}, line {number}"
                yield place, parse_json(line, place)


def parse_json(content: bytes, place: str) -> object:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 (byte {error.start}). Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is no JSON: {error.msg} (column {error.colno}).") from error
    except RecursionError as error:
        raise DataError(f"{place} is nested too deeply. Write {{question, thought, answer}}.") from error


def detect_columns(record: dict, place: str) -> Columns:
    for columns in COLUMNS.values():
        if columns.thought in record:
            return columns
    known = ", or ".join(f"{{question, {columns.thought}, {columns.answers[0]}}}" for columns in COLUMNS.values())
    raise DataError(f"{place} has no thought; its columns are {', '.join(map(repr, record)) or 'none'}. Write {known}.")


def row_of(record: dict, columns: Columns, place: str) -> Row:
    answer_column = next((name for name in columns.answers if record.get(name) is not None), columns.answers[0])
    answer = text_of(record, answer_column, place)
    if columns.answer_start.strip() not in answer:
        answer = columns.answer_start + answer
    system = record.get("system")
    return Row(
        question=text_of(record, "question", place),
        thought=text_of(record, columns.thought, place),
        answer=answer,
        system=None if system is None else text_of(record, "system", place),
        place=place,
    )


def text_of(record: dict, column: str, place: str) -> str:
    """A column as text without white space at its ends. A list of texts (s1K's trajectories) is joined by newlines."""
    value = record.get(column)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = "\n".join(value)
    if value is None:
        raise DataError(f"{place}: column {column!r} is missing. Write its text.")
    if not isinstance(value, str):
        raise DataError(f"{place}: column {column!r} is {json.dumps(value, ensure_ascii=False)[:80]}. Write a text.")
    if value.strip() == "":
        raise DataError(f"{place}: column {column!r} is empty. Write its text, or remove the row.")
    return well_formed(value.strip())


def well_formed(text: str) -> str:
    """Replaces lone surrogates by U+FFFD, as the function does."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class RowEncoder:
    """Encodes rows in one format with one model's tokenizer.json, as `encodeTurns` and `encodePrefix` of the function do.

    Text is encoded as ordinary text: a control string in it never becomes a control token. The function also splits a text of more
    than 20,000 characters between two words, which changes no id of a byte-level tokenizer.
    """

    def __init__(self, format_name: str, tokenizer: Tokenizer) -> None:
        if format_name not in FORMATS:
            raise DataError(f"There is no format {format_name!r}. Write one of {', '.join(FORMATS)}.")
        self.name = format_name
        self.format = FORMATS[format_name]
        self.tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.controls = {token.content: id for id, token in tokenizer.get_added_tokens_decoder().items()}
        self.control_ids = frozenset(self.controls.values())
        longest_first = sorted((control for control in self.controls if len(control) > 1), key=len, reverse=True)
        self.control_start = re.compile(f"(?={'|'.join(map(re.escape, longest_first))})") if longest_first else None
        self.end_id = self.control_id(self.format["answerEnd"])
        self.control_strings = 0
        """Control strings found in the texts so far."""

    def encode(self, row: Row) -> Encoded:
        system = row.system if row.system is not None else self.format["defaultSystem"]
        texts = {"question": row.question, "system": system}
        prompt = self.encode_parts(self.format["prompt" if system is None else "promptWithSystem"], texts)
        prompt += self.encode_parts(self.format["openThinking"])
        thought = with_start(row.thought, self.format["thinkingStart"])
        if self.format["newlineBeforeCut"] and not thought.endswith("\n"):
            thought += "\n"
        answer = with_start(row.answer, self.format["answerStart"])
        completion = [
            *self.encode_text(thought),
            *self.encode_parts(self.format["openAnswer"]),
            *self.encode_text(answer),
            self.end_id,
        ]
        return Encoded(prompt + completion, len(prompt), row.place)

    def encode_parts(self, parts: list[dict], texts: dict[str, str | None] | None = None) -> list[int]:
        """Control tokens as ids, and the text between two of them as one string."""
        ids: list[int] = []
        text = ""
        for part in parts:
            if "slot" in part:
                value = (texts or {})[part["slot"]] or ""
                text += value.strip() if part["trim"] else value
            elif "text" in part:
                text += part["text"]
            elif part.get("orText") and part["control"] not in self.controls:
                text += part["control"]
            else:
                ids += [*self.encode_text(text), self.control_id(part["control"])]
                text = ""
        return ids + self.encode_text(text)

    def control_id(self, token: str) -> int:
        if token not in self.controls:
            raise DataError(f"The vocabulary has no {token}, which the format {self.name} needs. Choose the format of the model's family.")
        return self.controls[token]

    def encode_text(self, text: str) -> list[int]:
        """Encodes ordinary text, cut inside every control string."""
        starts = [match.start() + 1 for match in self.control_start.finditer(text)] if self.control_start else []
        self.control_strings += len(starts)
        edges = [0, *starts, len(text)]
        return [id for start, end in zip(edges, edges[1:]) if start < end for id in self.encode_piece(text[start:end])]

    def encode_piece(self, text: str) -> list[int]:
        """If a normalizer turns a part of the text into a control string, encodes each character by itself."""
        ids = self.ids_of(text)
        if self.control_ids.isdisjoint(ids):
            return ids
        finer = [id for character in text for id in self.ids_of(character)]
        if self.control_ids.isdisjoint(finer):
            return finer
        raise DataError("A text contains a character that is a control token of the model by itself. Leave the character out.")

    def ids_of(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids


def with_start(text: str, start: str) -> str:
    return text if text.startswith("\n") else start + text


@dataclass(frozen=True)
class Lengths:
    """What a data set has, in rows and tokens."""

    rows: int
    tokens: int
    trained_tokens: int
    longest: int
    dropped: int
    """Rows above the block size, which are left out."""
    control_strings: int
    """Control strings in the texts, which are ordinary text to the model."""


def encode_rows(rows: Iterable[Row], encoder: RowEncoder, block_size: int, too_long: str = "refuse") -> tuple[list[Encoded], Lengths]:
    """Encodes rows of at most `block_size` tokens. A longer row is an error or, with too_long="drop", is left out and counted; none is cut."""
    encoded = [encoder.encode(row) for row in rows]
    kept = [row for row in encoded if len(row.ids) <= block_size]
    dropped = len(encoded) - len(kept)
    longest = max(encoded, key=lambda row: len(row.ids))
    if dropped > 0 and too_long == "refuse":
        raise DataError(
            f"{dropped} of {len(encoded)} rows have more than {block_size} tokens; the longest, {longest.place}, has {len(longest.ids)}. "
            f"Write --block-size {len(longest.ids)}, shorten the rows, or leave them out with --too-long drop."
        )
    if not kept:
        raise DataError(f"All {len(encoded)} rows have more than {block_size} tokens. Write --block-size {len(longest.ids)}.")
    tokens = sum(len(row.ids) for row in kept)
    trained = tokens - sum(row.prompt_length for row in kept)
    return kept, Lengths(len(kept), tokens, trained, max(len(row.ids) for row in kept), dropped, encoder.control_strings)


def tokenizer_file(model: str) -> Path:
    """tokenizer.json of a model folder, or of a repository of the Hugging Face hub."""
    if Path(model).is_dir():
        file = Path(model) / "tokenizer.json"
        if not file.is_file():
            raise DataError(f"{file} does not exist. Put the tokenizer.json of the model beside its weights.")
        return file
    if model.startswith((".", "/")):
        raise DataError(f"{model} does not exist. Give a folder in Hugging Face's layout, or the name of a repository of its hub.")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(model, "tokenizer.json"))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(f"{model} is no folder, and the hub gives no tokenizer.json for it: {str(error).splitlines()[0]}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--format", required=True)
    parser.add_argument("--columns", choices=["auto", *COLUMNS], default="auto")
    parser.add_argument("--block-size", type=int, default=32_768)
    parser.add_argument("--too-long", choices=["refuse", "drop"], default="refuse")
    options = parser.parse_args()
    try:
        encoder = RowEncoder(options.format, Tokenizer.from_file(str(tokenizer_file(options.model))))
        rows = read_rows(options.data, options.columns)
        _, lengths = encode_rows(rows, encoder, options.block_size, options.too_long)
    except DataError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(vars(lengths), separators=(",", ":")))


if __name__ == "__main__":
    main()
