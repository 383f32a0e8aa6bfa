"""Ray: the only folder, with `bench`, that imports it. Three groups of modules, each from the top.

A study: `launch` starts Ray and loads the rest, and `warm_up` lets workers `preload`; `tune` runs
the study, round by round; `round` runs one round; `trainable` is one pack in a worker, which
reports a `reports.PackReport`. Beside a round, `searcher` hands out packs, `stoppers` end it, after
an `interrupt` for one, `progress` counts, `study_watch` prints what is waited for and lost,
`pack_resources` says what a pack asks of Ray and whether a node has that.

A connection: `ray_session` starts or joins a Ray; `head_probe` asks a cluster's head first;
`ray_watch` ends the process when Ray dies; `idle_agent` stands in for agents of a local Ray.
`ray_internals`, `tune_internals`, `jobs_internals` and `ray_command` hold Ray's private names;
`versions` compares driver and workers; `spot` runs beside each worker of a cluster.

A job on a cluster: `jobs` submits, follows and stops one; `jobs_api` is one conversation with a
head; `jobs_address` turns what answers there, and what does not, into sentences.
"""
