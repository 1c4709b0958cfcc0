"""Processor time of a training step on one core, with and without memory that is kept between steps.

Run with ``python benchmarks/training_step.py --config config/networks.yaml``. For every surrogate of the configuration
two processes are timed in turn, one after :func:`gliofit.train.memory.keep_freed_memory` and one without it; prints a
Markdown table of seconds per sample, the share of them spent in the kernel of the operating system, and the ratio.
Tissue and targets are random; a step is forward pass, loss, backward pass and optimiser, as in training.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

STEPS, WARM_UP = 4, 2


def time_steps(config: Path, name: str, keep: bool) -> dict[str, float]:
    """Time training steps of a model in this process."""
    import torch

    from gliofit.pipeline.config import read_config
    from gliofit.train.architecture import Frame, find_architecture
    from gliofit.train.memory import keep_freed_memory
    from gliofit.train.surrogate import channels_last, to_device

    if keep:
        keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train = read_config(config).train
    model, crop = train.models[name], train.crop_of(name)
    network = to_device(find_architecture(model.architecture).build(model.network, Frame(3, crop.size)), "cpu")
    optimiser = torch.optim.AdamW(network.parameters(), lr=model.learning_rate)
    shape = (model.batch_size, crop.size, crop.size, crop.size)
    tissue = channels_last(torch.rand(model.batch_size, 3, *shape[1:]))
    theta, target = torch.rand(model.batch_size, 5), torch.rand(shape)
    times = []
    for step in range(WARM_UP + STEPS):
        begin = os.times()
        with torch.autocast("cpu", torch.bfloat16, enabled=model.precision == "bfloat16"):
            loss = (network(tissue, theta).float().sigmoid() - target).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        end = os.times()
        if step >= WARM_UP:
            times.append((end.user - begin.user, end.system - begin.system))
    seconds = statistics.median(user + system for user, system in times) / model.batch_size
    return {"seconds": seconds, "kernel": sum(s for _, s in times) / sum(u + s for u, s in times)}


def run_child(config: Path, name: str, keep: bool) -> dict[str, float]:
    """Time training steps of a model in a process of its own."""
    command = [sys.executable, __file__, "--config", str(config), "--child", name, *(["--keep"] if keep else [])]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("config/networks.yaml"))
    parser.add_argument("--models", nargs="*", help="some of the configuration's models")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(time_steps(options.config, options.child, options.keep)))
        return
    from gliofit.pipeline.config import read_config
    from gliofit.pipeline.job import device_name

    print(f"{device_name()}, one core, {platform.system()}\n")
    print("| model | seconds per sample | in the kernel | memory kept | in the kernel | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in options.models or read_config(options.config).train.models:
        pairs = [[run_child(options.config, name, keep) for keep in (False, True)] for _ in range(options.repeat)]
        plain, kept = min((pair for pair in pairs), key=lambda pair: pair[0]["seconds"])
        ratio = statistics.median(pair[0]["seconds"] / pair[1]["seconds"] for pair in pairs)
        print(
            f"| {name} | {plain['seconds']:.3f} | {plain['kernel']:.0%} | {kept['seconds']:.3f} "
            f"| {kept['kernel']:.0%} | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
