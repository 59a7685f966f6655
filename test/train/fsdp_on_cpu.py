"""Runs training/sft/train.py with FSDP on CPU processes, so that its path on several GPUs is exercised without any.

accelerate leaves CPUs out of the devices on which it shards, although PyTorch's FSDP runs there with gloo; this adds them. Arguments are
those of train.py.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SPECIFICATION = importlib.util.find_spec("accelerate.state")
BEFORE_DEVICES = "self.deepspeed_plugins = deepspeed_plugin\n            elif self.distributed_type in ["


def shard_on_cpus() -> None:
    """Replaces the module accelerate.state by one whose list of devices for FSDP has CPUs."""
    source = Path(SPECIFICATION.origin).read_text(encoding="utf8")
    if source.count(BEFORE_DEVICES) != 1:
        sys.exit("error: accelerate.state has changed. Change test/train/fsdp_on_cpu.py with the version in requirements.txt.")
    module = sys.modules["accelerate.state"]
    changed = source.replace(BEFORE_DEVICES, f"{BEFORE_DEVICES}\n                DistributedType.MULTI_CPU,")
    fresh = dict(vars(module))
    exec(compile(changed, SPECIFICATION.origin, "exec"), fresh)
    # Other modules hold the class, so its constructor is what is replaced.
    module.AcceleratorState.__init__ = fresh["AcceleratorState"].__init__
    fresh["AcceleratorState"].__init__.__globals__.update(vars(module))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent / "training" / "sft"))
    import accelerate.state  # noqa: F401

    shard_on_cpus()
    import train

    train.can_shard = lambda: True
    sys.exit(train.main())
