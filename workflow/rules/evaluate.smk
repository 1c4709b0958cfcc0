"""Stage evaluate: scores of all methods and cases, and tables by cohort."""

for batch in BATCHES.of["evaluate_case"]:

    rule:
        name:
            batch.name
        input:
            **batch.input,
        output:
            **batch.output,
        log:
            f"<logs>/evaluate/{batch.place}.log",
        benchmark:
            f"<benchmarks>/evaluate/{batch.place}.tsv"
        conda:
            "../../envs/core.yaml"
        threads: threads_of_batch(batch)
        resources:
            **needs_of_batch(batch),
        params:
            rule=batch.rule,
            units=units_of(batch),
            estimates=PLAN.estimates(batch.cohort),
            methods=PLAN.methods[batch.cohort],
            settings=config["evaluate"],
            run=CONFIG.run,
            seed=CONFIG.seed,
            stage_version=STAGE_VERSIONS["evaluate"],
        script:
            "../scripts/evaluate_case.py"


rule evaluate_cohort:
    input:
        unpack(by(PLAN.scores_of_cohort)),
    output:
        **FILES.evaluated("{cohort}"),
    log:
        "<logs>/evaluate/evaluate_cohort/{cohort}.log",
    benchmark:
        "<benchmarks>/evaluate/evaluate_cohort/{cohort}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("evaluate_cohort"),
    params:
        settings=config["evaluate"],
        left_out=lambda wildcards: PLAN.left_out if wildcards.cohort == "patients" else {},
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["evaluate"],
    script:
        "../scripts/evaluate_cohort.py"
