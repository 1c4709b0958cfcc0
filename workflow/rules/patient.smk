"""Stage publish: pages of patients, their list, and pages of synthetic cases."""


rule write_patient_page:
    """Page of a patient: viewer, pictures, estimates, target volumes and provenance."""
    input:
        unpack(by(PLAN.page_images)),
        **PLAN.inputs_of_page("patients", "{case}"),
    output:
        html=report(
            FILES.page("patients", "{case}"),
            caption="../report/patient.rst",
            category="Patients",
            labels={"case": "{case}", "what": "page"},
        ),
        png=FILES.page("patients", "{case}", "png"),
    log:
        "<logs>/publish/write_patient_page/{case}.log",
    benchmark:
        "<benchmarks>/publish/write_patient_page/{case}.tsv"
    # The list of patients is in the same folder.
    wildcard_constraints:
        case=r"(?!index\.)[A-Za-z0-9_-]+",
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("write_patient_page"),
    params:
        methods=PLAN.methods["patients"],
        uncertain=PLAN.uncertain,
        planned=CONFIG.plan.methods,
        settings=config["publish"],
        bounds=config["invert"]["bounds"],
        register=config["register"],
        run=CONFIG.run,
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_patient_page.py"


rule draw_view3d:
    """Three-dimensional views of brain, segmentation and tumour cells of a patient."""
    input:
        **PLAN.inputs_of_view("{case}"),
    output:
        png=report(
            FILES.page("patients", "{case}", "3d.png"),
            caption="../report/view3d.rst",
            category="Patients",
            labels={"case": "{case}", "what": "in three dimensions"},
        ),
        pdf=FILES.page("patients", "{case}", "3d.pdf"),
    log:
        "<logs>/publish/draw_view3d/{case}.log",
    benchmark:
        "<benchmarks>/publish/draw_view3d/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("draw_view3d"),
    params:
        settings=config["publish"],
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_view3d.py"


rule write_patient_index:
    """List of all patients, with links to their pages."""
    input:
        metrics=FILES.evaluated("patients")["metrics"],
        checks=[FILES.patient(case, "qc.parquet") for case in PLAN.cases["patients"]],
        # Linked, not read.
        pages=[FILES.page("patients", case) for case in PLAN.cases["patients"]],
    output:
        html=FILES.page("patients", "index"),
    log:
        "<logs>/publish/write_patient_index.log",
    benchmark:
        "<benchmarks>/publish/write_patient_index.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("write_patient_index"),
    params:
        cases=PLAN.cases["patients"],
        settings=config["publish"],
        run=CONFIG.run,
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_patient_index.py"


rule write_case_page:
    """Page of a synthetic case: viewer, estimates and errors."""
    input:
        **PLAN.inputs_of_page("synthetic", "{case}"),
    output:
        html=FILES.page("synthetic", "{case}"),
    log:
        "<logs>/publish/write_case_page/{case}.log",
    benchmark:
        "<benchmarks>/publish/write_case_page/{case}.tsv"
    wildcard_constraints:
        case=r"synthetic-\d{5}",
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("write_case_page"),
    params:
        methods=PLAN.methods["synthetic"],
        settings=config["publish"],
        run=CONFIG.run,
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_case_page.py"
