"""Stage invert: one method on cases."""

for batch in BATCHES.of["invert_case"]:

    rule:
        name:
            batch.name
        input:
            **batch.input,
        output:
            **batch.output,
        log:
            f"<logs>/invert/{batch.place}.log",
        benchmark:
            f"<benchmarks>/invert/{batch.place}.tsv"
        conda:
            f"../../envs/{batch.environment}.yaml"
        threads: threads_of_batch(batch)
        resources:
            **needs_of_batch(batch),
        params:
            rule=batch.rule,
            units=units_of(batch),
            settings=SETTINGS.method(batch.label, batch.cohort),
            networks=CONFIG.networks_of(batch.label),
            tissue=PLAN.tissue_kind(batch.cohort),
            run=CONFIG.run,
            seed=CONFIG.seed,
            stage_version=STAGE_VERSIONS["invert"],
        script:
            "../scripts/invert_case.py"
