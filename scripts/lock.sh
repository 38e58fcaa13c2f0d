#!/bin/bash
# Resolve the dependencies anew, for each Python, into locks/pyXY.txt with the hash of every file.
# usage: lock.sh PYTHON [--upgrade]
set -euo pipefail

tools=.venv-lock
[ -x $tools/bin/uv ] || "$1" -m venv $tools
$tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
for minor in 10 11 12 13; do
    $tools/bin/uv pip compile pyproject.toml --quiet "${@:2}" --all-extras \
        --python-version "3.$minor" --python-platform linux --only-binary :all: --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command "make lock" --output-file "locks/py3$minor.txt"
done
