"""training/sft/data.py: rows in the ids that the function serves, and errors that name line and column.

    python test/train/test_data.py        in an environment with tokenizers and pyarrow; `npm run check:train` runs it
"""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "training" / "sft"))

from data import DataError, Row, RowEncoder, encode_rows, read_rows, row_of, detect_columns  # noqa: E402

TINY = ROOT / "local" / "model" / "tokenizer.json"


def tokenizer_of(vocabulary: dict) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(ROOT / vocabulary["file"]))
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in vocabulary["added"]])
    return tokenizer


class ServedIds(unittest.TestCase):
    def test_rows_have_the_ids_that_the_function_serves(self) -> None:
        fixture = json.loads((ROOT / "test/train/fixtures/rows.json").read_text(encoding="utf8"))
        tokenizers = {name: tokenizer_of(vocabulary) for name, vocabulary in fixture["vocabularies"].items()}
        self.assertGreater(len(fixture["recorded"]), 20)
        for served in fixture["recorded"]:
            with self.subTest(format=served["format"], vocabulary=served["vocabulary"], question=served["row"]["question"]):
                row = row_of(served["row"], detect_columns(served["row"], "line 1"), "line 1")
                encoded = RowEncoder(served["format"], tokenizers[served["vocabulary"]]).encode(row)
                self.assertEqual(encoded.ids, served["ids"])
                self.assertEqual(encoded.prompt_length, served["promptLength"])

    def test_a_completion_decodes_to_thought_and_answer(self) -> None:
        tokenizer = Tokenizer.from_file(str(TINY))
        encoded = RowEncoder("s1", tokenizer).encode(Row("1 + 1?", "1) 1+1=2.", "The answer is 2.", None, "line 1"))
        text = tokenizer.decode(encoded.ids[encoded.prompt_length :], skip_special_tokens=False)
        self.assertEqual(text, "\n1) 1+1=2.\n<|im_start|>answer\nThe answer is 2.<|im_end|>")

    def test_a_vocabulary_without_the_delimiters_is_refused(self) -> None:
        with self.assertRaisesRegex(DataError, "no <think>, which the format qwen3 needs"):
            RowEncoder("qwen3", Tokenizer.from_file(str(TINY))).encode(Row("a", "b", "c", None, "line 1"))


class Files(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, content: bytes | str, name: str = "rows.jsonl") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode("utf8") if isinstance(content, str) else content)
        return path

    def row(self, **columns: object) -> Row:
        return read_rows(self.write(json.dumps(columns) + "\n"))[0]

    def test_plain_columns(self) -> None:
        row = self.row(question=" q ", thought="t\n", answer="a", system="s")
        self.assertEqual((row.question, row.thought, row.answer, row.system), ("q", "t", "a", "s"))

    def test_s1k_columns(self) -> None:
        row = self.row(question="q", thinking_trajectories=["one", "two"], attempt="4", solution="5")
        self.assertEqual((row.thought, row.answer), ("one\ntwo", "Answer: 4"))
        self.assertEqual(self.row(question="q", thinking_trajectories=["t"], attempt="So. Answer: 4").answer, "So. Answer: 4")
        self.assertEqual(self.row(question="q", thinking_trajectories=["t"], solution="5").answer, "Answer: 5")

    def test_s1k_1_1_columns(self) -> None:
        row = self.row(question="q", solution="s", deepseek_thinking_trajectory="t", deepseek_attempt="a", gemini_attempt="g")
        self.assertEqual((row.thought, row.answer), ("t", "a"))

    def test_json_parquet_and_folders(self) -> None:
        import pyarrow
        from pyarrow import parquet

        record = {"question": "q", "thought": "t", "answer": "a"}
        self.write(json.dumps([record]), "b.json")
        parquet.write_table(pyarrow.Table.from_pylist([record, record]), self.folder / "c.parquet")
        self.write(json.dumps(record) + "\n\n" + json.dumps(record), "a.jsonl")
        self.assertEqual([row.place.rsplit("/", 1)[1] for row in read_rows(self.folder)], ["a.jsonl, line 1", "a.jsonl, line 3", "b.json, row 1", "c.parquet, row 1", "c.parquet, row 2"])

    def test_bad_lines_name_line_and_column(self) -> None:
        good = '{"question":"q","thought":"t","answer":"a"}\n'
        cases = {
            good + "{": "line 2 is no JSON",
            good + "[]": "line 2 is no JSON object",
            good + '{"question":"q","thought":"t"}': "line 2: column 'answer' is missing",
            good + '{"question":"q","thought":" ","answer":"a"}': "line 2: column 'thought' is empty",
            good + '{"question":"q","thought":"t","answer":7}': "line 2: column 'answer' is 7. Write a text",
            good + '{"question":["q", 1],"thought":"t","answer":"a"}': "line 2: column 'question' is \\[\"q\", 1\\]",
            '{"problem":"q","cot":"t"}': "line 1 has no thought; its columns are 'problem', 'cot'",
            "\n\n": "has no rows",
        }
        for content, message in cases.items():
            with self.subTest(content), self.assertRaisesRegex(DataError, message):
                read_rows(self.write(content))
        with self.assertRaisesRegex(DataError, "line 2 is not UTF-8"):
            read_rows(self.write(good.encode() + b'{"question":"\xff"}'))

    def test_bad_paths(self) -> None:
        with self.assertRaisesRegex(DataError, "does not exist"):
            read_rows(self.folder / "none.jsonl")
        with self.assertRaisesRegex(DataError, "has no file that ends in"):
            read_rows(self.folder)
        with self.assertRaisesRegex(DataError, "is none of"):
            read_rows(self.write("", "rows.csv"))

    def test_lone_surrogates_are_replaced(self) -> None:
        self.assertEqual(read_rows(self.write('{"question":"\\ud800x","thought":"\\ud83e\\udd14","answer":"a"}'))[0].question, "\ufffdx")


class TooLong(unittest.TestCase):
    def setUp(self) -> None:
        self.encoder = RowEncoder("s1", Tokenizer.from_file(str(TINY)))
        self.rows = [Row("q", "1" * length, "a", None, f"line {length}") for length in (10, 200, 20)]

    def test_a_long_row_is_refused_with_the_length_that_fits(self) -> None:
        with self.assertRaisesRegex(DataError, "1 of 3 rows have more than 150 tokens; the longest, line 200, has"):
            encode_rows(self.rows, self.encoder, 150)

    def test_a_long_row_is_dropped_and_counted_and_no_row_is_cut(self) -> None:
        whole, _ = encode_rows(self.rows, self.encoder, 10_000)
        kept, lengths = encode_rows(self.rows, self.encoder, 150, "drop")
        self.assertEqual([row.ids for row in kept], [whole[0].ids, whole[2].ids])
        self.assertEqual((lengths.rows, lengths.dropped, lengths.longest), (2, 1, len(whole[2].ids)))

    def test_only_long_rows_are_an_error(self) -> None:
        with self.assertRaisesRegex(DataError, "All 3 rows have more than 5 tokens"):
            encode_rows(self.rows, self.encoder, 5, "drop")


if __name__ == "__main__":
    unittest.main()
