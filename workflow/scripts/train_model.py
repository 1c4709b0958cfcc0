"""Rule train_model.

Input: training and validation shards, their tissue, and the model to start from, if any. Output: weights, what they
are (`model.json`), history and learning curve.
"""

from pathlib import Path

from gliofit.pipeline.job import job

# Not the cores that Snakemake grants: weights would depend on them.
with job(snakemake, snakemake.params.settings["threads"]) as run:
    from gliofit.simulate.settings import SimulateSettings, brain_name
    from gliofit.train.fit import train_model
    from gliofit.train.settings import TrainSettings

    name = run.wildcards.model
    train_model(
        [path for path in run.input.train if path.endswith(".nii")],
        [path for path in run.input.validation if path.endswith(".nii")],
        Path(run.input.wm).parent,
        TrainSettings(**run.params.settings),
        name,
        run.folder,
        seed=run.seed,
        device=run.device,
        threads=run.threads,
        tissue_kind="probabilities",
        warped={brain_name(folder): folder for folder in (Path(path).parent for path in run.input.get("warped", []))},
        simulate=SimulateSettings(**run.params.simulate),
        # Not an output, which Snakemake would delete when the job is cut off.
        checkpoint=run.folder.parent / "checkpoints" / f"{name}.pt",
    )
