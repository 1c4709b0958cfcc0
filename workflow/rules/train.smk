"""Stage train: surrogates and inverse networks."""


rule train_model:
    """Train a network, optionally from another (`init`); interrupted training resumes from its checkpoint."""
    input:
        unpack(lambda wildcards: PLAN.inputs_of_training(wildcards.model, SETTINGS.initial_folder(wildcards.model))),
        **FILES.tissue_of_anatomy("atlas"),
    output:
        weights=FILES.model("{model}", "weights.safetensors"),
        facts=FILES.model("{model}", "model.json"),
        history=FILES.model("{model}", "history.parquet"),
        picture=report(
            FILES.model("{model}", "learning_curve.png"),
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
        **needs("train_model"),
        gpu=lambda wildcards: CONFIG.train.models[wildcards.model].devices,
    params:
        anatomies=by(PLAN.training_anatomies),
        settings=by(SETTINGS.training),
        simulate=by(SETTINGS.growing),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["train"],
    script:
        "../scripts/train_model.py"
