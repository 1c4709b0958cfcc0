"""Jobs of many cases, where `cases_per_job` asks for them.

A batch has a rule of its own that names the files of its cases. It has no wildcards, so Snakemake prefers it to the rule
of single cases that these files also match.
"""

for batch in batches():

    rule:
        name:
            batch.title
        input:
            batch.input,
        output:
            batch.output,
        log:
            batch.log,
        benchmark:
            batch.benchmark
        conda:
            batch.conda
        threads: batch.threads
        resources:
            **batch.resources(),
        params:
            **batch.params(),
        script:
            "../scripts/do_batch.py"
