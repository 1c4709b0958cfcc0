"""Stage publish, patient by patient: a page for each, and the list of them."""


rule write_patient_page:
    """Pictures, estimates of every method, target volumes and provenance of one patient."""
    input:
        unpack(images_of_page),
        t1="<results>/register/patients/{case}/t1.nii.gz",
        segmentation="<results>/register/patients/{case}/segmentation.nii.gz",
        labels="<results>/register/patients/{case}/labels.nii.gz",
        checks="<results>/register/patients/{case}/qc.parquet",
        metrics="<results>/evaluate/patients/{case}/metrics.parquet",
        parameters=collect(
            "<results>/invert/patients/{{case}}/{method}/parameters.parquet",
            method=METHODS["patients"],
        ),
        concentrations=collect(
            "<results>/forward/patients/{{case}}/{method}/concentration.nii.gz",
            method=METHODS["patients"],
        ),
        uncertainties=collect(
            "<results>/forward/patients/{{case}}/{method}/uncertainty.nii.gz",
            method=[method for method in METHODS["patients"] if CONFIG.invert.gives_uncertainty(method)],
        ),
        plans=collect(
            "<results>/plan/patients/{{case}}/{method}/plan.parquet",
            method=CONFIG.plan.methods,
        ),
    output:
        html=report(
            "<results>/publish/patients/{case}.html",
            caption="../report/patient.rst",
            category="Patients",
            labels={"case": "{case}", "what": "page"},
        ),
        png="<results>/publish/patients/{case}.png",
    log:
        "<logs>/publish/write_patient_page/{case}.log",
    benchmark:
        "<benchmarks>/publish/write_patient_page/{case}.tsv"
    # The list of patients lies in the same folder.
    wildcard_constraints:
        case=r"(?!index\.)[A-Za-z0-9_-]+",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(40)),
        runtime=by_attempt(START),
    params:
        settings=lookup("publish", within=config),
        bounds=lookup("invert/bounds", within=config),
        run=lookup("run", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_patient_page.py"


rule draw_view3d:
    """Brain, segmentation and spread of the cells of one patient in three dimensions."""
    input:
        segmentation="<results>/register/patients/{case}/segmentation.nii.gz",
        labels="<results>/register/patients/{case}/labels.nii.gz",
        metrics="<results>/evaluate/patients/{case}/metrics.parquet",
        concentrations=collect(
            "<results>/forward/patients/{{case}}/{method}/concentration.nii.gz",
            method=METHODS["patients"],
        ),
    output:
        png=report(
            "<results>/publish/patients/{case}.3d.png",
            caption="../report/view3d.rst",
            category="Patients",
            labels={"case": "{case}", "what": "in three dimensions"},
        ),
        pdf="<results>/publish/patients/{case}.3d.pdf",
    log:
        "<logs>/publish/draw_view3d/{case}.log",
    benchmark:
        "<benchmarks>/publish/draw_view3d/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(40)),
        runtime=by_attempt(START),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_view3d.py"


rule write_patient_index:
    """List of all patients, with links to their pages."""
    input:
        metrics="<results>/evaluate/patients/metrics.parquet",
        checks=every(["<results>/register/patients/{case}/qc.parquet"], ["patients"]),
        # Not read, but what the list leads to.
        pages=every(["<results>/publish/patients/{case}.html"], ["patients"]),
    output:
        html="<results>/publish/patients/index.html",
    log:
        "<logs>/publish/write_patient_index.log",
    benchmark:
        "<benchmarks>/publish/write_patient_index.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        run=lookup("run", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_patient_index.py"
