"""Stage simulate: synthetic tumours in the atlas, in shards of many samples."""


rule coarsen_atlas:
    """The atlas at the spacing of the simulations."""
    input:
        **FILES.tissue_of_atlas(CONFIG.tissue),
    output:
        **FILES.coarse_tissue("atlas"),
    log:
        "<logs>/simulate/coarsen_atlas.log",
    benchmark:
        "<benchmarks>/simulate/coarsen_atlas.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("coarsen_atlas"),
    params:
        spacing_mm=CONFIG.simulate.spacing_mm,
        tissue=CONFIG.tissue,
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/coarsen_tissue.py"


rule report_pilot:
    input:
        **FILES.tissue_of_atlas(CONFIG.tissue),
    output:
        table=FILES.simulate("pilot.parquet"),
        summary=FILES.simulate("pilot.json"),
        picture=report(
            FILES.simulate("pilot.png"),
            caption="../report/pilot.rst",
            category="Simulations",
            labels={"what": "distribution of theta"},
        ),
    log:
        "<logs>/simulate/report_pilot.log",
    benchmark:
        "<benchmarks>/simulate/report_pilot.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("report_pilot"),
        gpu=PLAN.gpus_of(CONFIG.simulate.integrator),
    params:
        settings=SETTINGS.pilot(),
        tissue=CONFIG.tissue,
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/report_pilot.py"


rule warp_atlas:
    input:
        **FILES.tissue_of_anatomy("atlas"),
    output:
        **FILES.coarse_tissue("warped-{number}"),
    log:
        "<logs>/simulate/warp_atlas/{number}.log",
    benchmark:
        "<benchmarks>/simulate/warp_atlas/{number}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("warp_atlas"),
    params:
        settings=SETTINGS.warp(),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/warp_atlas.py"


rule simulate_shard:
    input:
        unpack(by(PLAN.tissue_of_shard)),
    output:
        volumes=FILES.shard("{shard}", "nii"),
        table=FILES.shard("{shard}", "parquet"),
    log:
        "<logs>/simulate/simulate_shard/{shard}.log",
    benchmark:
        "<benchmarks>/simulate/simulate_shard/{shard}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: by(PLAN.cores_of_shard)
    resources:
        **needs("simulate_shard"),
        gpu=PLAN.gpus_of_simulation(),
    params:
        anatomy=by(CONFIG.simulate.anatomy_of),
        settings=by(SETTINGS.shard),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/simulate_shard.py"


for batch in BATCHES.of["extract_case"]:

    rule:
        name:
            batch.name
        input:
            **batch.input,
        output:
            **batch.output,
        log:
            f"<logs>/simulate/{batch.place}.log",
        benchmark:
            f"<benchmarks>/simulate/{batch.place}.tsv"
        conda:
            "../../envs/core.yaml"
        threads: threads_of_batch(batch)
        resources:
            **needs_of_batch(batch),
        params:
            rule=batch.rule,
            units=units_of(batch),
            samples_per_shard=CONFIG.simulate.samples_per_shard,
            stage_version=STAGE_VERSIONS["simulate"],
        script:
            "../scripts/extract_case.py"
