"""Rule train_model: weights, record (`model.json`), history and learning curve of a network."""

from pathlib import Path

from gliofit.pipeline.job import job

# Not Snakemake's number of cores: weights would depend on it.
with job(snakemake, snakemake.params.settings["threads"]) as run:
    from gliofit.simulate.settings import SimulateSettings
    from gliofit.train.fit import train_model
    from gliofit.train.settings import TrainSettings
    from gliofit.train.training import TrainingJob

    training = TrainingJob(
        list(run.input.train),
        list(run.input.validation),
        Path(run.files.anatomy("atlas")),
        TrainSettings(**run.params.settings),
        run.wildcards.model,
        run.folder,
        run.seed,
        run.threads,
        # Not an output, which Snakemake would delete after an interruption.
        checkpoint=run.folder.parent / "checkpoints" / f"{run.wildcards.model}.pt",
        warped={anatomy: Path(run.files.anatomy(anatomy)) for anatomy in run.params.anatomies},
        simulate=SimulateSettings(**run.params.simulate),
    )
    train_model(training, device=run.device)
