"""Stage register: registration of the atlas to every patient, or to phantom patients."""


rule make_phantom:
    input:
        atlas=PLAN.atlas_images().values(),
        atlas_facts=FILES.atlas("atlas.json"),
    output:
        t1=FILES.phantom("{case}", "{case}_t1.nii.gz"),
        t1c=FILES.phantom("{case}", "{case}_t1ce.nii.gz"),
        t2=FILES.phantom("{case}", "{case}_t2.nii.gz"),
        flair=FILES.phantom("{case}", "{case}_flair.nii.gz"),
        seg=FILES.phantom("{case}", "{case}_seg.nii.gz"),
        truth=FILES.phantom("{case}", "truth.parquet"),
        truth_concentration=FILES.phantom("{case}", "truth_concentration.nii.gz"),
    log:
        "<logs>/register/make_phantom/{case}.log",
    benchmark:
        "<benchmarks>/register/make_phantom/{case}.tsv"
    # Start of the longest chain of jobs.
    priority: 10
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("make_phantom"),
    params:
        settings=SETTINGS.phantom(),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["register"],
    script:
        "../scripts/make_phantom.py"


rule register_patient:
    input:
        unpack(by(PLAN.patient_images)),
        atlas=PLAN.atlas_images().values(),
        atlas_facts=FILES.atlas("atlas.json"),
    output:
        **FILES.registered("{case}"),
        checks=FILES.patient("{case}", "qc.parquet"),
        picture=report(
            FILES.patient("{case}", "qc.png"),
            caption="../report/registration.rst",
            category="Registration",
            labels={"case": "{case}"},
        ),
    log:
        "<logs>/register/register_patient/{case}.log",
    benchmark:
        "<benchmarks>/register/register_patient/{case}.tsv"
    priority: 10
    conda:
        "../../envs/register.yaml"
    threads: 4
    resources:
        **needs("register_patient"),
    params:
        settings=config["register"],
        patient=by(PLAN.patient_facts),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["register"],
    script:
        "../scripts/register_patient.py"
