"""Stage atlas: the healthy brain everything starts from."""


rule prepare_atlas:
    input:
        source=atlas_source,
    output:
        **atlas_files(),
        facts="<results>/atlas/atlas.json",
    log:
        "<logs>/atlas/prepare_atlas.log",
    benchmark:
        "<benchmarks>/atlas/prepare_atlas.tsv"
    conda:
        "../../envs/register.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(START),
    params:
        settings=lookup("atlas", within=config),
        stage_version=STAGE_VERSIONS["atlas"],
    script:
        "../scripts/prepare_atlas.py"
