"""Stage forward: the final high-precision run for every estimate; it is what gets scored."""


rule run_forward:
    input:
        unpack(tissue_of_case),
        unpack(field_of_estimate),
        parameters=parameters_of_estimate,
    output:
        concentration="<results>/forward/{cohort}/{case}/{estimate}/concentration.nii.gz",
        table="<results>/forward/{cohort}/{case}/{estimate}/forward.parquet",
    log:
        "<logs>/forward/run_forward/{cohort}/{case}/{estimate}.log",
    benchmark:
        "<benchmarks>/forward/run_forward/{cohort}/{case}/{estimate}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_integrator(CONFIG.forward.integrator),
        mem_mb=by_attempt(memory_of_case(40)),
        runtime=by_attempt(minutes_of_forward),
    params:
        settings=lookup("forward", within=config),
        tissue=tissue_kind,
        run=lookup("run", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["forward"],
    script:
        "../scripts/run_forward.py"


rule map_uncertainty:
    input:
        unpack(tissue_of_case),
        parameters="<results>/invert/{cohort}/{case}/{method}/parameters.parquet",
    output:
        uncertainty="<results>/forward/{cohort}/{case}/{method}/uncertainty.nii.gz",
    log:
        "<logs>/forward/map_uncertainty/{cohort}/{case}/{method}.log",
    benchmark:
        "<benchmarks>/forward/map_uncertainty/{cohort}/{case}/{method}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_integrator(CONFIG.forward.integrator),
        mem_mb=by_attempt(memory_of_case(60)),
        runtime=by_attempt(minutes_of_uncertainty),
    params:
        settings=lookup("forward", within=config),
        tissue=tissue_kind,
        stage_version=STAGE_VERSIONS["forward"],
    script:
        "../scripts/map_uncertainty.py"
