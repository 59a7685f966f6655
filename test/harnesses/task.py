"""The embedded model's questions as a task of inspect-ai."""

import os

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import match
from inspect_ai.solver import generate


@task
def arithmetic():
    return Task(
        dataset=json_dataset(os.environ["QUESTIONS"], FieldSpec(input="question", target="answer", id="id")),
        solver=generate(),
        scorer=match(numeric=True),
    )
