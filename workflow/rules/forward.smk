"""Stage forward: an accurate simulation of every estimate, for scores."""

for batch in BATCHES.of["run_forward"]:

    rule:
        name:
            batch.name
        input:
            **batch.input,
        output:
            **batch.output,
        log:
            f"<logs>/forward/{batch.place}.log",
        benchmark:
            f"<benchmarks>/forward/{batch.place}.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: threads_of_batch(batch)
        resources:
            **needs_of_batch(batch),
        params:
            rule=batch.rule,
            units=units_of(batch),
            settings=config["forward"],
            tissue=PLAN.tissue_kind(batch.cohort),
            run=CONFIG.run,
            seed=CONFIG.seed,
            stage_version=STAGE_VERSIONS["forward"],
        script:
            "../scripts/run_forward.py"


for batch in BATCHES.of["map_uncertainty"]:

    rule:
        name:
            batch.name
        input:
            **batch.input,
        output:
            **batch.output,
        log:
            f"<logs>/forward/{batch.place}.log",
        benchmark:
            f"<benchmarks>/forward/{batch.place}.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: threads_of_batch(batch)
        resources:
            **needs_of_batch(batch),
        params:
            rule=batch.rule,
            units=units_of(batch),
            settings=config["forward"],
            tissue=PLAN.tissue_kind(batch.cohort),
            stage_version=STAGE_VERSIONS["forward"],
        script:
            "../scripts/map_uncertainty.py"
