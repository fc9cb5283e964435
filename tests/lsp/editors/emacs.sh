#!/usr/bin/env bash
# Runs emacs.el in an Emacs that reads nobody's settings. Exit 77 (skipped) where there is no Emacs, or none with Eglot.
set -euo pipefail

command -v emacs >/dev/null || { echo "emacs.sh: Emacs is not installed" >&2; exit 77; }
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
# The site's start file knows where the distribution puts packages.
emacs --batch --no-init-file --eval '(progn (package-initialize) (unless (locate-library "eglot") (kill-emacs 77)))' ||
  { echo "emacs.sh: Emacs has no Eglot (Debian: elpa-eglot)" >&2; exit 77; }
emacs --batch --no-init-file -l "$(dirname "$0")/emacs.el" --eval "(ert-run-tests-batch-and-exit ${1:+\"$1\"})" 2>&1
