"""training/sft: what a SageMaker job becomes, which checkpoint a run continues, and what its metrics look like.

    python test/train/test_launch.py        in an environment with training/sft/requirements.txt; `npm run check:train` runs it
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "training" / "sft"))

import checkpoints  # noqa: E402
import launch  # noqa: E402
from callbacks import DivergedError, Metrics  # noqa: E402
from options import parse_options  # noqa: E402


class Job(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = self.root / "input" / "config"
        self.config.mkdir(parents=True)

    def cluster(self, **environment: str) -> launch.Cluster:
        return launch.read_cluster(environment, self.config, lambda: 1)

    def test_two_hosts_of_the_toolkit(self) -> None:
        cluster = self.cluster(SM_HOSTS='["algo-2","algo-1"]', SM_CURRENT_HOST="algo-2", SM_NUM_GPUS="8")
        command = launch.torchrun_command(cluster, Path("train.py"), ["--format=s1"])
        self.assertEqual(command[3:], ["--nnodes=2", "--node_rank=1", "--master_addr=algo-1", "--master_port=29500", "--nproc_per_node=8", "train.py", "--format=s1"])

    def test_hosts_of_a_job_without_the_toolkit(self) -> None:
        hosts = [f"algo-{number}" for number in range(12, 0, -1)]
        (self.config / "resourceconfig.json").write_text(json.dumps({"hosts": hosts, "current_host": "algo-10", "network_interface_name": "eth1"}))
        cluster = self.cluster()
        self.assertEqual((cluster.rank, cluster.hosts[0], cluster.gpus), (9, "algo-1", 1))
        self.assertEqual(launch.network_environment(cluster, efa=False)["NCCL_SOCKET_IFNAME"], "eth1")

    def test_one_host_needs_no_address(self) -> None:
        command = launch.torchrun_command(self.cluster(SM_NUM_GPUS="0"), Path("train.py"), [])
        self.assertEqual(command[3:], ["--standalone", "--nnodes=1", "--nproc_per_node=2", "train.py"])

    def test_efa_is_used_between_hosts_that_have_it(self) -> None:
        two = self.cluster(SM_HOSTS='["algo-1","algo-2"]', SM_CURRENT_HOST="algo-1", SM_NUM_GPUS="8")
        one = self.cluster(SM_HOSTS='["algo-1"]', SM_CURRENT_HOST="algo-1", SM_NUM_GPUS="8")
        self.assertEqual(launch.network_environment(two, efa=True)["FI_PROVIDER"], "efa")
        self.assertEqual(launch.network_environment(two, efa=True)["FI_EFA_USE_DEVICE_RDMA"], "1")
        self.assertNotIn("FI_PROVIDER", launch.network_environment(two, efa=False))
        self.assertNotIn("FI_PROVIDER", launch.network_environment(one, efa=True))

    def test_a_commit_of_the_hub_becomes_a_folder(self) -> None:
        asked = []

        def download(repository: str, revision: str) -> str:
            asked.append((repository, revision))
            return "/tmp/hub/snapshot"

        options = ["--model=Qwen/Qwen2.5-7B", "--model-revision=abc", "--format=s1"]
        self.assertEqual(launch.pin_model(options, download), ["--model=/tmp/hub/snapshot", "--format=s1"])
        self.assertEqual(asked, [("Qwen/Qwen2.5-7B", "abc")])
        self.assertEqual(launch.pin_model(["--model=Qwen/Qwen2.5-7B"], download), ["--model=Qwen/Qwen2.5-7B"])
        for wrong in (["--model-revision=abc"], [f"--model={self.root}", "--model-revision=abc"]):
            with self.assertRaises(launch.LaunchError):
                launch.pin_model(wrong, download)

    def test_bad_variables_are_refused(self) -> None:
        for environment, message in (
            ({"SM_HOSTS": "algo-1"}, "SM_HOSTS is 'algo-1'. Write a JSON array"),
            ({"SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-2"}, "none of the hosts algo-1"),
            ({"SM_NUM_GPUS": "eight"}, "Write a number of GPUs"),
        ):
            with self.assertRaisesRegex(launch.LaunchError, message):
                self.cluster(**environment)

    def test_options_are_channels_then_hyperparameters_then_arguments(self) -> None:
        for channel in ("train", "model"):
            (self.root / "input" / "data" / channel).mkdir(parents=True)
        (self.config / "hyperparameters.json").write_text(json.dumps({"format": '"s1"', "learning_rate": "2e-5", "batch-size": "8", "sagemaker_region": '"x"'}))
        options = launch.read_options(["--batch-size", "32", "--resume", "--columns=plain"], self.root)
        self.assertEqual(
            dict(option[2:].split("=", 1) for option in options),
            {
                "data": f"{self.root}/input/data/train",
                "model": f"{self.root}/input/data/model",
                "output": f"{self.root}/model",
                "checkpoints": f"{self.root}/checkpoints",
                "format": "s1",
                "learning-rate": "2e-5",
                "batch-size": "32",
                "resume": "require",
                "columns": "plain",
            },
        )
        parsed = parse_options(options)
        self.assertEqual((parsed.batch_size, parsed.learning_rate, parsed.resume), (32, 2e-5, "require"))

    def test_all_hyperparameters_are_texts_that_the_script_reads(self) -> None:
        (self.config / "hyperparameters.json").write_text(json.dumps({"packing": "true", "merge": "false", "lora_rank": "16", "model": "m", "data": "d", "format": "qwen3", "output": "o"}))
        parsed = parse_options(launch.read_options([], self.root))
        self.assertEqual((parsed.packing, parsed.merge, parsed.lora_rank), (True, False, 16))


class Options(unittest.TestCase):
    REQUIRED = ["--model=m", "--data=d", "--format=s1", "--output=o"]

    def test_defaults_are_the_recipe_of_s1(self) -> None:
        options = parse_options(self.REQUIRED)
        recipe = (options.learning_rate, options.epochs, options.batch_size, options.scheduler, options.warmup_ratio, options.weight_decay, options.beta1, options.beta2, options.block_size)
        self.assertEqual(recipe, (1e-5, 5, 16, "cosine", 0.05, 1e-4, 0.9, 0.95, 32_768))
        self.assertEqual(parse_options([*self.REQUIRED, "--recipe=s1.1"]).block_size, 20_000)

    def test_impossible_values_are_refused(self) -> None:
        for option in ("--batch-size=0", "--learning-rate=-1", "--learning-rate=nan", "--warmup-ratio=1", "--epochs=inf", "--packing=maybe", "--format=s2"):
            with self.subTest(option), self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                parse_options([*self.REQUIRED, option])


class Checkpoints(unittest.TestCase):
    RUN = {"model": "m", "seed": 1}

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def save(self, step: int, nodes: int = 1) -> Path:
        path = self.folder / f"checkpoint-{step}"
        path.mkdir()
        for node in range(nodes):
            (path / f"weights-{node}").write_text("weights")
        checkpoints.mark_complete(path, 0, nodes)
        checkpoints.write_run(self.folder, self.RUN)
        return path

    def choose(self, resume: str = "auto", **other: object) -> Path | None:
        return checkpoints.choose_checkpoint(self.folder, resume, {**self.RUN, **other})

    def test_the_last_whole_checkpoint_is_continued(self) -> None:
        self.save(25)
        second = self.save(100)
        (self.folder / "checkpoint-200").mkdir()
        self.assertEqual(self.choose(), second)
        self.assertEqual(checkpoints.remove_after(self.folder, second), ["checkpoint-200"])
        self.assertEqual([path.name for path in checkpoints.find_checkpoints(self.folder)], ["checkpoint-100", "checkpoint-25"])

    def test_a_checkpoint_with_a_file_that_is_short_or_missing_is_not_whole(self) -> None:
        first = self.save(25)
        for damage in (lambda file: file.write_text("we"), lambda file: file.unlink()):
            damage(self.save(50) / "weights-0")
            self.assertEqual(self.choose(), first)
            checkpoints.remove_after(self.folder, first)

    def test_a_checkpoint_of_two_machines_needs_the_marks_of_both(self) -> None:
        path = self.save(25, nodes=2)
        self.assertIsNone(self.choose())
        checkpoints.mark_complete(path, 1, 2)
        self.assertEqual(self.choose(), path)

    def test_a_run_with_other_values_is_refused(self) -> None:
        self.save(25)
        with self.assertRaisesRegex(checkpoints.CheckpointError, "belongs to another run \\(seed 1 → 2\\)"):
            self.choose(seed=2)

    def test_the_latest_are_kept(self) -> None:
        for step in (5, 10, 20, 100):
            self.save(step)
        checkpoints.remove_before(self.folder, 20, keep=2)
        self.assertEqual([checkpoints.step_of(path) for path in checkpoints.find_checkpoints(self.folder)], [100, 20, 10])

    def test_resume_requires_and_never_forbids_a_checkpoint(self) -> None:
        self.assertIsNone(self.choose("never"))
        with self.assertRaisesRegex(checkpoints.CheckpointError, "no whole checkpoint to resume"):
            self.choose("require")
        self.save(25)
        with self.assertRaisesRegex(checkpoints.CheckpointError, "has checkpoint-25"):
            self.choose("never")


class MetricLines(unittest.TestCase):
    LOGS = {"loss": 0.25, "grad_norm": 1.5, "learning_rate": 1e-05, "epoch": 0.5, "mean_token_accuracy": 0.9, "num_tokens": 1_000.0}

    def line(self, **logs: float) -> str:
        metrics, state = Metrics(), SimpleNamespace(is_world_process_zero=True, global_step=12, max_steps=315)
        arguments = SimpleNamespace(learning_rate=1e-5)
        metrics.on_train_begin(arguments, state, None)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            metrics.on_log(arguments, state, None, logs={**self.LOGS, **logs})
        return output.getvalue()

    def test_the_documented_metric_definitions_find_their_values(self) -> None:
        readme = (ROOT / "training/sft/README.md").read_text(encoding="utf8")
        definitions = next(json.loads(block) for block in re.findall(r"```json\n(.*?)```", readme, re.S) if block.startswith("["))
        line = self.line()
        values = json.loads(line)
        self.assertEqual({definition["Name"] for definition in definitions} - values.keys(), set())
        for definition in definitions:
            found = re.findall(definition["Regex"], line)
            self.assertEqual([float(value) for value in found], [values[definition["Name"]]], definition["Name"])

    def test_a_loss_or_gradient_that_is_no_number_ends_the_run(self) -> None:
        for name in ("loss", "grad_norm"):
            with self.assertRaisesRegex(DivergedError, "is nan at step 12. Write a lower --learning-rate"):
                self.line(**{name: float("nan")})


if __name__ == "__main__":
    unittest.main()
