"""Stage train: neural surrogate and direct inverse network."""


rule train_model:
    """Train a network, or go on with one (`init`); interrupted training goes on from its own checkpoint."""
    input:
        **tissue_maps("<results>/simulate/tissue", "probabilities"),
        warped=warped_tissues,
        train=training_shards,
        validation=shards("validation"),
        init=initial_model,
    output:
        weights="<results>/train/{model}/weights.safetensors",
        facts="<results>/train/{model}/model.json",
        history="<results>/train/{model}/history.parquet",
        picture=report(
            "<results>/train/{model}/learning_curve.png",
            caption="../report/learning_curve.rst",
            category="Networks",
            labels={"network": "{model}", "what": "learning curve"},
        ),
    log:
        "<logs>/train/train_model/{model}.log",
    benchmark:
        "<benchmarks>/train/train_model/{model}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: CONFIG.train.threads
    resources:
        gpu=gpus_of_training,
        mem_mb=by_attempt(memory_of_training),
        runtime=by_attempt(minutes_of_training),
    params:
        settings=model_settings,
        simulate=simulation_settings,
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["train"],
    script:
        "../scripts/train_model.py"
