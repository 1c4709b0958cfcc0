"""Stage study: many synthetic tumours, observed under named scenarios, inverted and scored."""


rule study_cases:
    """Some tumours of a preset, every scenario, every method."""
    input:
        labels="<results>/atlas/labels.nii.gz",
        wm="<results>/atlas/wm.nii.gz",
        gm="<results>/atlas/gm.nii.gz",
        csf="<results>/atlas/csf.nii.gz",
        networks=networks_of_study(),
    output:
        cases="<results>/study/batches/{preset}-{batch}.parquet",
        trace="<results>/study/batches/{preset}-{batch}_trace.parquet",
    log:
        "<logs>/study/study_cases/{preset}-{batch}.log",
    benchmark:
        "<benchmarks>/study/study_cases/{preset}-{batch}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_study,
        mem_mb=by_attempt(memory_of_study),
        runtime=by_attempt(minutes_of_study),
    params:
        settings=study_settings(),
        indices=cases_of_batch,
        invert=methods_of_study,
        forward=lookup("forward", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["study"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/study_cases.py"


rule study_tables:
    """Errors by scenario, convergence, methods against each other."""
    input:
        cases=study_batches(["<results>/study/batches/{preset}-{batch}.parquet"]),
        traces=study_batches(["<results>/study/batches/{preset}-{batch}_trace.parquet"]),
    output:
        csv="<results>/study/study.csv",
        markdown="<results>/study/study.md",
        table="<results>/study/study.json",
        convergence_csv="<results>/study/convergence.csv",
        convergence_markdown="<results>/study/convergence.md",
        convergence_table="<results>/study/convergence.json",
        comparison_csv="<results>/study/comparison.csv",
        comparison_markdown="<results>/study/comparison.md",
        comparison_table="<results>/study/comparison.json",
    log:
        "<logs>/study/study_tables.log",
    benchmark:
        "<benchmarks>/study/study_tables.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(START),
    params:
        names=lookup("publish/method_names", within=config),
        stage_version=STAGE_VERSIONS["study"],
    script:
        "../scripts/study_tables.py"


rule study_figure:
    """Errors by scenario; loss against evaluations and seconds."""
    input:
        cases=study_batches(["<results>/study/batches/{preset}-{batch}.parquet"]),
        traces=study_batches(["<results>/study/batches/{preset}-{batch}_trace.parquet"]),
    output:
        png=report(
            "<results>/study/study.png",
            caption="../report/study.rst",
            category="Figures",
            labels={"figure": "study", "what": "errors and convergence"},
        ),
        pdf="<results>/study/study.pdf",
    log:
        "<logs>/study/study_figure.log",
    benchmark:
        "<benchmarks>/study/study_figure.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(START),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["study"],
    script:
        "../scripts/study_figure.py"
