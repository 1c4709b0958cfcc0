"""Stage invert: one method on one case."""


rule invert_case:
    input:
        unpack(tissue_of_case),
        unpack(observation_of_case),
        unpack(networks_of_method),
        unpack(refined_estimate),
        unpack(atlas_of_method),
    output:
        parameters="<results>/invert/{cohort}/{case}/{method}/parameters.parquet",
        trace="<results>/invert/{cohort}/{case}/{method}/trace.parquet",
    log:
        "<logs>/invert/invert_case/{cohort}/{case}/{method}.log",
    benchmark:
        "<benchmarks>/invert/invert_case/{cohort}/{case}/{method}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_method,
        mem_mb=by_attempt(memory_of_method),
        runtime=by_attempt(minutes_of_method),
    params:
        settings=method_settings,
        tissue=tissue_kind,
        run=lookup("run", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/invert_case.py"


if FIELD_METHODS:

    # Methods that estimate a concentration write it too. Some of them go to the atlas, for which they need ANTs.
    use rule invert_case as invert_field with:
        output:
            parameters="<results>/invert/{cohort}/{case}/{method}/parameters.parquet",
            trace="<results>/invert/{cohort}/{case}/{method}/trace.parquet",
            concentration="<results>/invert/{cohort}/{case}/{method}/concentration.nii.gz",
        wildcard_constraints:
            method="|".join(FIELD_METHODS),
        conda:
            "../../envs/torch_register.yaml"

    ruleorder: invert_field > invert_case
