# Every check of the project, once each. `just` lists them; .ci/run runs `just ci`.
# The tools are those of the environment: activate it, or put .venv/bin first on PATH.

# The list of checks
default:
    @just --list

# Everything that must hold before a commit lands
ci: style types imports picture scripts test promise page driver start faults

# Format and lint
style:
    ruff format --check
    ruff check

# Types, strictly
types:
    mypy

# The floors of the house: who may import whom
imports:
    lint-imports

# docs/house.svg is the house as it stands
picture:
    python docs/house.py --check

# Types of the page's scripts
scripts:
    npx --yes --package=typescript@5.9.3 tsc -p analysis/web/tsconfig.json

# The default tests, two at a time
test *options:
    pytest {{options}}

# Slow, in part: neighbors do not matter with an older instruction set
promise:
    pytest -n 0 -m slow tests/engine/test_neighbors.py -k sse-some

# Slow: what readers do on the page, in Chromium
page:
    pytest -m slow tests/report/test_report_parts.py tests/report/test_facets_page.py \
        tests/report/test_colors_page.py tests/report/test_linked_page.py \
        tests/report/test_curves_page.py tests/report/test_strip_page.py \
        tests/report/test_turned_page.py \
        tests/report/test_overlap_page.py tests/report/test_signs_page.py \
        tests/report/test_folds_page.py \
        tests/report/test_motion_page.py \
        tests/report/test_report.py tests/report/test_learned_page.py tests/live/test_live_page.py \
        tests/figures/test_still_pages.py

# Slow: a real Ray under kills and interrupts
driver:
    pytest -n 0 -m slow tests/driver/test_driver.py tests/driver/test_rounds.py \
        tests/driver/test_stopper.py tests/vocabulary/test_registration.py \
        tests/store/test_before_folders.py tests/store/test_address.py
    pytest -n 0 -m slow tests/driver/test_cluster.py tests/driver/test_serve_flag.py

# Slow, in part: how a Ray is started, reached and lost
start:
    pytest -n 0 -m slow tests/driver/test_start.py -k "whole_group or dies or stray"

# Slow: a sample of the matrix of faults
faults:
    pytest -m slow tests/driver/test_faults.py -k sample

# Draw docs/house.svg anew
draw:
    python docs/house.py

# The API reference, from the docstrings, into build/api
api:
    python docs/api.py build/api

# The site of docs/, into build/site; wants pip install -c constraints.txt -e '.[docs]'
docs:
    NO_MKDOCS_2_WARNING=1 mkdocs build

# The flags in docs/commands.md, from the help of the commands
flags:
    python docs/flags.py

# Run the transcripts of README.md and docs/ again, and write what changed
transcripts *pages:
    python docs/transcripts.py {{pages}}

# Draw the pictures of README.md and docs/ again
pictures:
    python docs/pictures.py
    python docs/gallery.py

# Format, and mend what ruff can mend
format:
    ruff check --fix
    ruff format
