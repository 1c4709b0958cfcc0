"""Stage register: the atlas brought onto every patient; phantom patients where there are no real ones."""


rule make_phantom:
    input:
        atlas=atlas_files().values(),
        atlas_facts="<results>/atlas/atlas.json",
    output:
        t1="<results>/register/phantoms/{case}/{case}_t1.nii.gz",
        t1c="<results>/register/phantoms/{case}/{case}_t1ce.nii.gz",
        t2="<results>/register/phantoms/{case}/{case}_t2.nii.gz",
        flair="<results>/register/phantoms/{case}/{case}_flair.nii.gz",
        seg="<results>/register/phantoms/{case}/{case}_seg.nii.gz",
        truth="<results>/register/phantoms/{case}/truth.parquet",
        truth_concentration="<results>/register/phantoms/{case}/truth_concentration.nii.gz",
    log:
        "<logs>/register/make_phantom/{case}.log",
    benchmark:
        "<benchmarks>/register/make_phantom/{case}.tsv"
    # The longest chain of jobs begins with a patient: start it first.
    priority: 10
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(80)),
        runtime=by_attempt(minutes_of_phantom),
    params:
        settings=phantom_settings(),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["register"],
    script:
        "../scripts/make_phantom.py"


rule register_patient:
    input:
        unpack(patient_images),
        atlas=atlas_files().values(),
        atlas_facts="<results>/atlas/atlas.json",
    output:
        t1="<results>/register/patients/{case}/t1.nii.gz",
        wm="<results>/register/patients/{case}/wm.nii.gz",
        gm="<results>/register/patients/{case}/gm.nii.gz",
        csf="<results>/register/patients/{case}/csf.nii.gz",
        labels="<results>/register/patients/{case}/labels.nii.gz",
        brain_mask="<results>/register/patients/{case}/brain_mask.nii.gz",
        segmentation="<results>/register/patients/{case}/segmentation.nii.gz",
        affine="<results>/register/patients/{case}/transforms/affine.mat",
        warp="<results>/register/patients/{case}/transforms/warp.nii.gz",
        inverse_warp="<results>/register/patients/{case}/transforms/inverse_warp.nii.gz",
        checks="<results>/register/patients/{case}/qc.parquet",
        picture=report(
            "<results>/register/patients/{case}/qc.png",
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
        mem_mb=by_attempt(memory_of_registration),
        runtime=by_attempt(minutes_of_registration),
    params:
        settings=lookup("register", within=config),
        patient=patient_facts,
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["register"],
    script:
        "../scripts/register_patient.py"
