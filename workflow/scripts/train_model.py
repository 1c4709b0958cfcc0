"""Rule train_model: weights, record (`model.json`), history and learning curve of a network."""

from pathlib import Path

from gliofit.pipeline.job import job

# Not Snakemake's number of cores: weights would depend on it.
with job(snakemake, snakemake.params.settings["threads"]) as run:
    from gliofit.simulate.settings import SimulateSettings
    from gliofit.train.fit import train_model
    from gliofit.train.settings import TrainSettings

    name = run.wildcards.model
    train_model(
        list(run.input.train),
        list(run.input.validation),
        Path(run.files.anatomy("atlas")),
        TrainSettings(**run.params.settings),
        name,
        run.folder,
        seed=run.seed,
        device=run.device,
        threads=run.threads,
        tissue_kind="probabilities",
        warped={anatomy: Path(run.files.anatomy(anatomy)) for anatomy in run.params.anatomies},
        simulate=SimulateSettings(**run.params.simulate),
        # Not an output, which Snakemake would delete after an interruption.
        checkpoint=run.folder.parent / "checkpoints" / f"{name}.pt",
    )
