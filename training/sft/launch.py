"""Entry point of a SageMaker training job: builds torchrun's arguments from the job's hosts and GPUs, and runs train.py.

    python training/sft/launch.py [options of train.py]

Options come from the arguments and from the job's hyperparameters (a name may be written with _ or -); an argument replaces the
hyperparameter of its name. See README.md for the channels and the exit status.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MASTER_PORT = 29_500
STOPPED = 3
"""Exit status of train.py after a stop."""

DNS_SECONDS = 600
"""How long the name of the first host may take to be known, in seconds."""


HUB_FOLDER = "/tmp/hub"


class LaunchError(Exception):
    """A job that cannot be started. The message says what to change."""


@dataclass(frozen=True)
class Cluster:
    hosts: tuple[str, ...]
    current: str
    gpus: int
    """GPUs of each host. With 0, two processes on its CPUs."""
    network_interface: str

    @property
    def rank(self) -> int:
        return self.hosts.index(self.current)

    @property
    def processes(self) -> int:
        return self.gpus or 2


def read_cluster(environment: Mapping[str, str], config: Path, count_gpus) -> Cluster:
    """The hosts of a job: SM_HOSTS, SM_CURRENT_HOST and SM_NUM_GPUS of SageMaker's toolkit, or resourceconfig.json, which every job has.

    Without both the machine is the only host.
    """
    resources = {}
    file = config / "resourceconfig.json"
    if file.is_file():
        resources = json.loads(file.read_text(encoding="utf8"))
    try:
        hosts = json.loads(environment["SM_HOSTS"]) if "SM_HOSTS" in environment else resources.get("hosts", ["localhost"])
    except json.JSONDecodeError as error:
        raise LaunchError(f"SM_HOSTS is {environment['SM_HOSTS']!r}. Write a JSON array of host names.") from error
    current = environment.get("SM_CURRENT_HOST") or resources.get("current_host") or hosts[0]
    hosts = tuple(sorted(hosts, key=host_order))
    if current not in hosts:
        raise LaunchError(f"SM_CURRENT_HOST is {current!r}, which is none of the hosts {', '.join(hosts)}.")
    gpus = environment.get("SM_NUM_GPUS")
    if gpus is not None and not gpus.isdigit():
        raise LaunchError(f"SM_NUM_GPUS is {gpus!r}. Write a number of GPUs.")
    interface = environment.get("SM_NETWORK_INTERFACE_NAME") or resources.get("network_interface_name") or "eth0"
    return Cluster(hosts, current, int(gpus) if gpus is not None else count_gpus(), interface)


def host_order(host: str) -> tuple[str, int]:
    """algo-2 comes before algo-10."""
    match = re.fullmatch(r"(.*?)(\d*)", host)
    return (match[1], int(match[2] or 0)) if match else (host, 0)


def read_options(arguments: list[str], root: Path) -> list[str]:
    """The options of train.py: defaults of a job, its hyperparameters, then the arguments."""
    options: dict[str, str] = {}
    channels = root / "input" / "data"
    if channels.is_dir():
        options |= {"data": str(channels / "train"), "output": str(root / "model"), "checkpoints": str(root / "checkpoints")}
        if (channels / "model").is_dir():
            options["model"] = str(channels / "model")
    file = root / "input" / "config" / "hyperparameters.json"
    if file.is_file():
        for name, value in json.loads(file.read_text(encoding="utf8")).items():
            if not name.startswith("sagemaker_"):
                options[name.replace("_", "-")] = unquoted(value)
    options |= pairs(arguments)
    return [f"--{name}={value}" for name, value in options.items()]


def pin_model(options: list[str], download) -> list[str]:
    """Replaces a repository of the hub and its commit (model-revision) by the folder into which `download` brings it."""
    named = dict(option[2:].split("=", 1) for option in options)
    revision = named.pop("model-revision", None)
    if revision is None:
        return options
    if "model" not in named or Path(named["model"]).is_dir():
        raise LaunchError("model_revision is the commit of a repository of the hub. Write its name as model, or leave model_revision out.")
    named["model"] = str(download(named["model"], revision))
    return [f"--{name}={value}" for name, value in named.items()]


def download_model(repository: str, revision: str) -> str:
    """Brings one commit of the hub onto the instance's own disks. Every host does so."""
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(repository, revision=revision, cache_dir=HUB_FOLDER, ignore_patterns=["*.bin", "*.pth", "*.gguf", "original/*"])
    except Exception as error:
        raise LaunchError(f"{repository} at {revision} cannot be downloaded from the hub: {error}") from error


def unquoted(value: object) -> str:
    """SageMaker's Python SDK writes each hyperparameter as JSON, other clients as plain text."""
    text = str(value)
    return json.loads(text) if re.fullmatch(r'"(?:[^"\\]|\\.)*"', text) else text


def pairs(arguments: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise LaunchError(f"{word!r} is no option. Write --name value.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            # --resume alone: there must be a checkpoint. Other options alone are true.
            value = rest.pop(0) if rest and not rest[0].startswith("--") else ("require" if name == "resume" else "true")
        found[name.replace("_", "-")] = value
    return found


def torchrun_command(cluster: Cluster, script: Path, options: list[str]) -> list[str]:
    several = len(cluster.hosts) > 1
    where = (
        [f"--nnodes={len(cluster.hosts)}", f"--node_rank={cluster.rank}", f"--master_addr={cluster.hosts[0]}", f"--master_port={MASTER_PORT}"]
        if several
        else ["--standalone", "--nnodes=1"]
    )
    return [sys.executable, "-m", "torch.distributed.run", *where, f"--nproc_per_node={cluster.processes}", str(script), *options]


def efa_devices(folder: Path = Path("/sys/class/infiniband")) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def network_environment(cluster: Cluster, efa: bool) -> dict[str, str]:
    """Variables for several hosts. EFA's are set only if the instance has an EFA device: g6e.xlarge and others have none."""
    variables = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // cluster.processes)), "TOKENIZERS_PARALLELISM": "false"}
    if len(cluster.hosts) > 1:
        variables |= {"NCCL_SOCKET_IFNAME": cluster.network_interface, "GLOO_SOCKET_IFNAME": cluster.network_interface}
        if efa:
            variables |= {"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": "1", "RDMAV_FORK_SAFE": "1"}
    return variables


def missing_packages(requirements: Path) -> list[str]:
    """Lines of requirements.txt that are not installed in this version. PyTorch is the image's own: its CUDA fits the driver."""
    missing = []
    for line in requirements.read_text(encoding="utf8").split():
        name, _, wanted = line.partition("==")
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = None
        if name not in ("torch", "numpy", "gguf") and installed != wanted:
            missing.append(line)
    return missing


def install(requirements: Path) -> None:
    missing = missing_packages(requirements)
    if not missing:
        return
    print(json.dumps({"event": "install", "packages": missing}, separators=(",", ":")), flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(f"torch=={version('torch')}\n")
        constraints.flush()
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", constraints.name, *missing])
    if done.returncode != 0:
        raise LaunchError(f"pip cannot install {', '.join(missing)}. Give the job a way to a package index (PIP_INDEX_URL), or use an image that has them.")


def wait_for_host(name: str) -> None:
    """The names of the hosts are known some time after the start of a job."""
    end = time.monotonic() + DNS_SECONDS
    while True:
        try:
            socket.getaddrinfo(name, MASTER_PORT)
            return
        except OSError as error:
            if time.monotonic() > end:
                raise LaunchError(f"The name of the first host, {name}, is still unknown after {DNS_SECONDS} s.") from error
            time.sleep(2)


def run(command: list[str], variables: dict[str, str]) -> int:
    """Runs torchrun. At SIGTERM the workers are told by a file: torchrun would give them 30 s, which a large checkpoint exceeds."""
    with tempfile.TemporaryDirectory() as folder:
        stop = Path(folder) / "stop"
        child = subprocess.Popen(command, env={**os.environ, **variables, "BUDGETFORCE_STOP_FILE": str(stop)}, start_new_session=True)
        signal.signal(signal.SIGTERM, lambda *_: stop.touch())
        signal.signal(signal.SIGINT, lambda *_: stop.touch())
        status = child.wait()
        # torchrun reports every failure of a worker as 1. A job that was asked to stop has no model.
        return 128 + signal.SIGTERM if stop.exists() and status != 0 else status


def count_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def main() -> int:
    root = Path("/opt/ml")
    here = Path(__file__).parent
    try:
        cluster = read_cluster(os.environ, root / "input" / "config", count_gpus)
        options = read_options(sys.argv[1:], root)
        install(here / "requirements.txt")
        options = pin_model(options, download_model)
        if len(cluster.hosts) > 1:
            wait_for_host(cluster.hosts[0])
        return run(torchrun_command(cluster, here / "train.py", options), network_environment(cluster, efa_devices()))
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        if (root / "output").is_dir():
            (root / "output" / "failure").write_text(str(error)[:1_024], encoding="utf8")
        return 2


if __name__ == "__main__":
    sys.exit(main())
