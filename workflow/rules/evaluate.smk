"""Stage evaluate: scores of every method on every case, then one table per cohort."""


rule evaluate_case:
    input:
        unpack(truth_of_case),
        labels=case_file("labels.nii.gz"),
        concentrations=of_estimates("concentration.nii.gz"),
        forwards=of_estimates("forward.parquet"),
        parameters=parameters_of_methods,
    output:
        metrics="<results>/evaluate/{cohort}/{case}/metrics.parquet",
        dice_curve="<results>/evaluate/{cohort}/{case}/dice_curve.parquet",
        agreement="<results>/evaluate/{cohort}/{case}/agreement.parquet",
    log:
        "<logs>/evaluate/evaluate_case/{cohort}/{case}.log",
    benchmark:
        "<benchmarks>/evaluate/evaluate_case/{cohort}/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(40)),
        runtime=by_attempt(minutes_of_evaluation),
    params:
        settings=lookup("evaluate", within=config),
        run=lookup("run", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["evaluate"],
    script:
        "../scripts/evaluate_case.py"


rule evaluate_cohort:
    input:
        metrics=of_cases("<results>/evaluate/{cohort}/{case}/metrics.parquet"),
        dice_curves=of_cases("<results>/evaluate/{cohort}/{case}/dice_curve.parquet"),
        agreements=of_cases("<results>/evaluate/{cohort}/{case}/agreement.parquet"),
    output:
        metrics="<results>/evaluate/{cohort}/metrics.parquet",
        dice_curve="<results>/evaluate/{cohort}/dice_curve.parquet",
        agreement="<results>/evaluate/{cohort}/agreement.parquet",
        cases="<results>/evaluate/{cohort}/cases.parquet",
        tests="<results>/evaluate/{cohort}/tests.parquet",
        summary="<results>/evaluate/{cohort}/summary.parquet",
    log:
        "<logs>/evaluate/evaluate_cohort/{cohort}.log",
    benchmark:
        "<benchmarks>/evaluate/evaluate_cohort/{cohort}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_cohort),
    params:
        settings=lookup("evaluate", within=config),
        left_out=cases_left_out,
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["evaluate"],
    script:
        "../scripts/evaluate_cohort.py"
