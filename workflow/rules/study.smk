"""Stage study: inversion of many synthetic tumours under several scenarios."""


rule study_cases:
    """All scenarios and methods on a batch of tumours."""
    input:
        labels=FILES.atlas("labels.nii.gz"),
        wm=FILES.atlas("wm.nii.gz"),
        gm=FILES.atlas("gm.nii.gz"),
        csf=FILES.atlas("csf.nii.gz"),
        networks=PLAN.network_files(PLAN.models_of_study()),
    output:
        cases=FILES.study("batches/{preset}-{batch}.parquet"),
        trace=FILES.study("batches/{preset}-{batch}_trace.parquet"),
    log:
        "<logs>/study/study_cases/{preset}-{batch}.log",
    benchmark:
        "<benchmarks>/study/study_cases/{preset}-{batch}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("study_cases"),
        gpu=PLAN.gpus_of_study(),
    params:
        models=PLAN.models_of_study(),
        settings=SETTINGS.study(),
        indices=by(CONFIG.study.cases_of),
        invert=SETTINGS.study_methods() if CONFIG.study.cases else {},
        forward=config["forward"],
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["study"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/study_cases.py"


rule study_tables:
    """Tables of errors by scenario, convergence, and comparison of methods."""
    input:
        **PLAN.study_batches(),
    output:
        **FILES.tables_of_study(),
    log:
        "<logs>/study/study_tables.log",
    benchmark:
        "<benchmarks>/study/study_tables.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("study_tables"),
    params:
        names=CONFIG.publish.method_names,
        stage_version=STAGE_VERSIONS["study"],
    script:
        "../scripts/study_tables.py"


rule study_figure:
    """Figure of errors by scenario, and loss by evaluations and time."""
    input:
        **PLAN.study_batches(),
    output:
        png=report(
            FILES.study("study.png"),
            caption="../report/study.rst",
            category="Figures",
            labels={"figure": "study", "what": "errors and convergence"},
        ),
        pdf=FILES.study("study.pdf"),
    log:
        "<logs>/study/study_figure.log",
    benchmark:
        "<benchmarks>/study/study_figure.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("study_figure"),
    params:
        settings=config["publish"],
        stage_version=STAGE_VERSIONS["study"],
    script:
        "../scripts/study_figure.py"
