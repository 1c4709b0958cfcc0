"""Stage plan: radiotherapy targets of patients, by a margin and by tumour cells, compared at equal volume."""


rule plan_patient:
    """Targets of a patient with one method, at every margin."""
    input:
        unpack(plan_files),
        segmentation="<results>/register/patients/{case}/segmentation.nii.gz",
        brain_mask="<results>/register/patients/{case}/brain_mask.nii.gz",
        concentration="<results>/forward/patients/{case}/{method}/concentration.nii.gz",
        forward="<results>/forward/patients/{case}/{method}/forward.parquet",
    output:
        table="<results>/plan/patients/{case}/{method}/plan.parquet",
        clinical=collect(
            "<results>/plan/patients/{{case}}/{{method}}/clinical-{margin}.nii.gz",
            margin=CONFIG.plan.margin_names,
        ),
        personalised=collect(
            "<results>/plan/patients/{{case}}/{{method}}/personalised-{margin}.nii.gz",
            margin=CONFIG.plan.margin_names,
        ),
    log:
        "<logs>/plan/plan_patient/{case}/{method}.log",
    benchmark:
        "<benchmarks>/plan/plan_patient/{case}/{method}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(100)),
        runtime=by_attempt(minutes_of_plan),
    params:
        settings=plan_settings(),
        patient=patient_facts,
        run=lookup("run", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_patient.py"


rule plan_picture:
    """Targets of a patient by all methods, in the slices where they differ most."""
    input:
        segmentation="<results>/register/patients/{case}/segmentation.nii.gz",
        image=image_of_plan,
        tables=collect(
            "<results>/plan/patients/{{case}}/{method}/plan.parquet",
            method=CONFIG.plan.methods,
        ),
        masks=collect(
            "<results>/plan/patients/{{case}}/{method}/{kind}-{margin}.nii.gz",
            method=CONFIG.plan.methods,
            kind=["clinical", "personalised"],
            margin=CONFIG.plan.margin_names[0],
        ),
    output:
        png=report(
            "<results>/plan/patients/{case}/plan.png",
            caption="../report/plan.rst",
            category="Plans",
            labels={"case": "{case}"},
        ),
        pdf="<results>/plan/patients/{case}/plan.pdf",
    log:
        "<logs>/plan/plan_picture/{case}.log",
    benchmark:
        "<benchmarks>/plan/plan_picture/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(30)),
        runtime=by_attempt(START),
    params:
        settings=plan_settings(),
        publish=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_picture.py"


rule plan_tables:
    """All plans of the run, with means over patients."""
    input:
        collect(
            "<results>/plan/patients/{case}/{method}/plan.parquet",
            case=cases_to_plan(),
            method=CONFIG.plan.methods,
        ),
    output:
        table="<results>/plan/plan.parquet",
        csv="<results>/plan/plan.csv",
        markdown="<results>/plan/plan.md",
        printed="<results>/plan/plan.json",
    log:
        "<logs>/plan/plan_tables.log",
    benchmark:
        "<benchmarks>/plan/plan_tables.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        names=lookup("publish/method_names", within=config),
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_tables.py"
