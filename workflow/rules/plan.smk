"""Stage plan: radiotherapy targets of patients by margin and by tumour cells, with equal volume."""


rule plan_patient:
    """Targets of a patient by one method, at every margin."""
    input:
        unpack(by(PLAN.plan_files)),
        segmentation=FILES.patient("{case}", "segmentation.nii.gz"),
        brain_mask=FILES.patient("{case}", "brain_mask.nii.gz"),
        concentration=FILES.forward("patients", "{case}", "{method}", "concentration.nii.gz"),
        forward=FILES.forward("patients", "{case}", "{method}", "forward.parquet"),
    output:
        table=FILES.targets("{case}", "plan.parquet", "{method}"),
        masks=PLAN.target_masks("{case}", "{method}"),
    log:
        "<logs>/plan/plan_patient/{case}/{method}.log",
    benchmark:
        "<benchmarks>/plan/plan_patient/{case}/{method}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("plan_patient"),
    params:
        settings=SETTINGS.plan(),
        patient=by(PLAN.patient_facts),
        run=CONFIG.run,
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_patient.py"


rule plan_picture:
    """Targets of a patient by all methods, in the slices where they differ most."""
    input:
        segmentation=FILES.patient("{case}", "segmentation.nii.gz"),
        image=by(PLAN.image_of_plan),
        tables=[FILES.targets("{case}", "plan.parquet", method) for method in CONFIG.plan.methods],
        masks=[path for method in CONFIG.plan.methods for path in PLAN.target_masks("{case}", method)],
    output:
        png=report(
            FILES.targets("{case}", "plan.png"),
            caption="../report/plan.rst",
            category="Plans",
            labels={"case": "{case}"},
        ),
        pdf=FILES.targets("{case}", "plan.pdf"),
    log:
        "<logs>/plan/plan_picture/{case}.log",
    benchmark:
        "<benchmarks>/plan/plan_picture/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("plan_picture"),
    params:
        methods=CONFIG.plan.methods,
        settings=SETTINGS.plan(),
        publish=config["publish"],
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_picture.py"


rule plan_tables:
    """All plans of the run, with means over patients."""
    input:
        plans=[FILES.targets(case, "plan.parquet", m) for case in PLAN.cases_to_plan for m in CONFIG.plan.methods],
    output:
        table=FILES.plan("plan.parquet"),
        csv=FILES.plan("plan.csv"),
        markdown=FILES.plan("plan.md"),
        printed=FILES.plan("plan.json"),
    log:
        "<logs>/plan/plan_tables.log",
    benchmark:
        "<benchmarks>/plan/plan_tables.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("plan_tables"),
    params:
        names=CONFIG.publish.method_names,
        stage_version=STAGE_VERSIONS["plan"],
    script:
        "../scripts/plan_tables.py"
